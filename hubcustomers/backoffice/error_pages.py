"""What staff see in place of a page that they cannot have."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_TEMPLATE = "admin/hub/error_page.html"
_TEXTS: dict[int, tuple[Promise, Promise]] = {
    400: (
        _("This request is not understood"),
        _(
            "Something in its address or form is not known here."
            " Go back, or begin at the first page."
        ),
    ),
    403: (
        _("You may not do this"),
        _("Your role does not include it. Whoever manages the hub's users can change that."),
    ),
    404: (
        _("There is no such page"),
        _("What was here may be gone, or belongs to a business where you do not work."),
    ),
    500: (
        _("Something went wrong on our side"),
        _("It has been recorded. Look whether your last change was kept before you try again."),
    ),
}


def error_page(request: HttpRequest, status: int) -> HttpResponse:
    """Return the page for the status: 403 or 404."""
    return render(request, _TEMPLATE, _context(request, status), status=status)


def bare_error_page(status: int) -> HttpResponse:
    """Return the page for the status, 400 or 500, with nothing that may be what failed.

    The request has perhaps no session, nor a host that is known, and there may be no database:
    the page is that of a stranger, and no context processor is asked.
    """
    stranger = HttpRequest()
    stranger.META["SCRIPT_NAME"] = ""
    stranger.user = AnonymousUser()
    return HttpResponse(render_to_string(_TEMPLATE, _context(stranger, status)), status=status)


def _context(request: HttpRequest, status: int) -> dict[str, Any]:
    title, sentence = _TEXTS[status]
    return {**admin.site.each_context(request), "title": title, "sentence": sentence}

"""What staff see in place of a page that they cannot have."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

_TEXTS: dict[int, tuple[Promise, Promise]] = {
    403: (
        _("You may not do this"),
        _("Your role does not include it. Whoever manages the hub's users can change that."),
    ),
    404: (
        _("There is no such page"),
        _("What was here may be gone, or belongs to a business where you do not work."),
    ),
}


def error_page(request: HttpRequest, status: int) -> HttpResponse:
    """Return the page for the status: 403 or 404."""
    title, sentence = _TEXTS[status]
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": title,
        "sentence": sentence,
    }
    return render(request, "admin/hub/error_page.html", context, status=status)

"""Pages of the back-office that Django's admin does not have."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from unicodedata import category

from django.contrib import messages
from django.contrib.admin.utils import unquote
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.utils.translation import gettext as _

from hubcustomers.backoffice.display import change_url
from hubcustomers.backoffice.refusals import REFUSALS, Faults, faults_in


def find(model_admin: Any, request: HttpRequest, object_id: str) -> Any:
    """Return the object of a page below its own.

    Raises:
        Http404: There is none within the user's reach.
    """
    obj = model_admin.get_object(request, unquote(object_id))
    if obj is None:
        raise Http404
    return obj


def page(
    model_admin: Any, request: HttpRequest, obj: Any, template: str, **context: Any
) -> TemplateResponse:
    """Return a page about the object, within the back-office's frame."""
    request.current_app = model_admin.admin_site.name
    frame = {
        **model_admin.admin_site.each_context(request),
        "opts": model_admin.opts,
        "original": obj,
        "object_url": change_url(obj),
        "subtitle": str(obj),
    }
    return TemplateResponse(request, template, {**frame, **context})


def attempt(write: Callable[[], Any]) -> Faults:
    """Write in one transaction; return what refused it."""
    try:
        with transaction.atomic():
            write()
    except REFUSALS as error:
        return faults_in(error)
    return []


@dataclass(frozen=True)
class Confirmation:
    """What is asked before something that cannot be taken back.

    Attributes:
        title: The page's title.
        text: What will happen.
        button: The word on the button.
        write: Does it.
        done: What the user reads afterwards.
        counts: What it touches, counted now.
        typed: What must be typed to confirm, None where the button is enough.
        next_url: Where to go afterwards; None for the object's page.
        danger: Whether the button warns.
    """

    title: str
    text: str
    button: str
    write: Callable[[], Any]
    done: str
    counts: Sequence[tuple[str, int]] = ()
    typed: str | None = None
    next_url: str | None = None
    danger: bool = True


def confirm(model_admin: Any, request: HttpRequest, obj: Any, asked: Confirmation) -> HttpResponse:
    """Ask on GET; on POST do it, where it is confirmed."""
    errors: Faults = []
    if request.method == "POST":
        typed = request.POST.get("typed", "")
        if asked.typed is not None and _plain(typed) != _plain(asked.typed):
            text = _("This is not what has to be typed; nothing was done.")
            errors = [("typed", str(text))]
        else:
            errors = attempt(asked.write)
        if not errors:
            model_admin.message_user(request, asked.done, messages.SUCCESS)
            return HttpResponseRedirect(asked.next_url or change_url(obj))
    return ask(model_admin, request, obj, asked, errors)


def ask(
    model_admin: Any, request: HttpRequest, obj: Any, asked: Confirmation, errors: Faults
) -> HttpResponse:
    """Return the page that asks."""
    return page(
        model_admin,
        request,
        obj,
        "admin/hub/confirm.html",
        title=asked.title,
        asked=asked,
        errors=errors,
    )


def secret(
    model_admin: Any, request: HttpRequest, obj: Any, *, title: str, secrets: dict[str, str]
) -> HttpResponse:
    """Show secrets in the answer to the request that made them, and nowhere else."""
    response = page(
        model_admin, request, obj, "admin/hub/secret.html", title=title, secrets=secrets
    )
    # Not even the browser keeps it.
    response["Cache-Control"] = "no-store"
    return response


def private(
    model_admin: Any, request: HttpRequest, obj: Any, *, title: str, values: dict[str, str]
) -> HttpResponse:
    """Show what the object's page does not, in this answer alone."""
    response = page(model_admin, request, obj, "admin/hub/private.html", title=title, values=values)
    # Not even the browser keeps it.
    response["Cache-Control"] = "no-store"
    return response


def _plain(text: str) -> str:
    # Nobody can type what is not to be seen: marks of direction, a second blank.
    seen = "".join(character for character in text if category(character) != "Cf")
    return " ".join(seen.split())

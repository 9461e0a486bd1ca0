"""Asks who is at the desk once more, before what would hurt most in a stranger's hands.

A sign-in, or the page of ``security_confirm``, counts for ten minutes; it is kept in the session.
"""

import time
from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, cast
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

RECENT_SECONDS = 600
_CONFIRMED_AT = "hub_confirmed_at"
_P = ParamSpec("_P")


def note_confirmed(request: HttpRequest) -> None:
    """Remember that the user has just proved who they are."""
    request.session[_CONFIRMED_AT] = time.time()


def confirmed_recently(request: HttpRequest) -> bool:
    """Return whether the user proved within the last ten minutes who they are."""
    return 0 <= time.time() - request.session.get(_CONFIRMED_AT, 0) < RECENT_SECONDS


def asked_again(request: HttpRequest, *, back: str | None = None) -> HttpResponse | None:
    """Return the way to the page that asks for the password, None where it was given just now.

    Call it first in a view, for its form (GET) as for its effect (POST), once it is clear that
    the user may do it at all. Afterwards the user is back at the view, on its form.

    Args:
        request: What is asked for.
        back: Where the form is, if it is not at the address of the request.
    """
    if confirmed_recently(request):
        return None
    query = urlencode({"next": back or request.get_full_path()})
    return HttpResponseRedirect(f"{reverse('security_confirm')}?{query}")


def asks_again(
    view: Callable[Concatenate[Any, HttpRequest, _P], HttpResponse],
) -> Callable[Concatenate[Any, HttpRequest, _P], HttpResponse]:
    """Make a page of a ModelAdmin ask first; it stands below ``@button``, which judges rights."""

    @wraps(view)
    def asking(
        model_admin: Any, request: HttpRequest, /, *args: _P.args, **kwargs: _P.kwargs
    ) -> HttpResponse:
        return asked_again(request) or view(model_admin, request, *args, **kwargs)

    return asking


class _Pages(Protocol):
    def has_add_permission(self, request: HttpRequest) -> bool: ...
    def has_change_permission(self, request: HttpRequest) -> bool: ...
    def has_delete_permission(self, request: HttpRequest) -> bool: ...
    def add_view(self, *args: Any) -> HttpResponse: ...
    def change_view(self, *args: Any) -> HttpResponse: ...
    def delete_view(self, *args: Any) -> HttpResponse: ...


class AsksBeforeAdding:
    """A ModelAdmin whose page that adds a row asks first."""

    def add_view(
        self,
        request: HttpRequest,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Return the page, or the way to the one that asks."""
        admin = cast(_Pages, self)
        page = asked_again(request) if admin.has_add_permission(request) else None
        return page or cast(_Pages, super()).add_view(request, form_url, extra_context)


class AsksBeforeChanging(AsksBeforeAdding):
    """A ModelAdmin whose pages that add, change and delete a row all ask first."""

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Return the page, or the way to the one that asks."""
        admin = cast(_Pages, self)
        page = asked_again(request) if admin.has_change_permission(request) else None
        return page or cast(_Pages, super()).change_view(
            request, object_id, form_url, extra_context
        )

    def delete_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Return the page, or the way to the one that asks."""
        admin = cast(_Pages, self)
        page = asked_again(request) if admin.has_delete_permission(request) else None
        return page or cast(_Pages, super()).delete_view(request, object_id, extra_context)

"""How an app gives pages to an app below it, which knows nothing of it."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from hubcustomers.backoffice.scoping import ScopedModelAdmin

View = Callable[[Any, HttpRequest, str], HttpResponse]
ListView = Callable[[Any, HttpRequest], HttpResponse]


def add_action(model_admin: type[ScopedModelAdmin], act: Any, *, right: str) -> None:
    """Give the list page a further action on selected rows, for who has the right to it.

    Args:
        model_admin: Of the rows; its ``role_may`` says who has the right.
        act: The action, under ``@admin.action(…, permissions=[right])``.
        right: A word like ``export``.
    """
    _add(model_admin, act, right)
    model_admin.actions = (*(model_admin.actions or ()), act.__name__)


def add_page(
    model_admin: type[ScopedModelAdmin],
    view: View,
    *,
    right: str,
    offered: Callable[[Any], bool] | None = None,
) -> None:
    """Give each object a further page, with a button for who has the right to it.

    Args:
        model_admin: Of the objects; its ``role_may`` says who has the right.
        view: The page, under ``@button(…, permission=right)``; its name ends the address.
        right: A word like ``import``.
        offered: Says of which objects the page has a button; None for all.
    """
    _add(model_admin, view, right)
    name = view.__name__
    model_admin.actions_detail = (*model_admin.actions_detail, name)
    if offered is not None:
        model_admin.offered_for = {**model_admin.offered_for, name: offered}


def add_list_page(model_admin: type[ScopedModelAdmin], view: ListView, *, right: str) -> None:
    """Give the list a page about what it shows, with a button that keeps search and filters.

    Args:
        model_admin: Of the list; its ``role_may`` says who has the right.
        view: The page, as of ``add_page``; its query is that of the list.
        right: A word like ``grant``.
    """
    _add(model_admin, view, right)
    model_admin.actions_list = (*model_admin.actions_list, view.__name__)


def _add(model_admin: type[ScopedModelAdmin], view: Callable[..., Any], right: str) -> None:
    def has_permission(self: ScopedModelAdmin, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, right, obj)

    setattr(model_admin, view.__name__, view)
    setattr(model_admin, f"has_{right}_permission", has_permission)

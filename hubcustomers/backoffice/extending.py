"""How an app gives pages to the objects of an app below it, which knows nothing of it."""

from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse

from hubcustomers.backoffice.scoping import ScopedModelAdmin

View = Callable[[Any, HttpRequest, str], HttpResponse]


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

    def has_permission(self: ScopedModelAdmin, request: HttpRequest, obj: Any = None) -> bool:
        return self.may(request, right, obj)

    name = view.__name__
    setattr(model_admin, name, view)
    setattr(model_admin, f"has_{right}_permission", has_permission)
    model_admin.actions_detail = (*model_admin.actions_detail, name)
    if offered is not None:
        model_admin.offered_for = {**model_admin.offered_for, name: offered}

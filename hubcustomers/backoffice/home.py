"""The first page of the back-office: what is to be done, and figures of one account.

An app shows its own: ``register_panel(present)`` in its admin package.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from hubcustomers.backoffice import attention, figures
from hubcustomers.backoffice.charts import Chart
from hubcustomers.backoffice.display import local
from hubcustomers.backoffice.reach import reach_of

_CHOSEN = "hub_home_account"
# More accounts than these are found by the list of accounts.
_MOST_ACCOUNTS = 200


@dataclass(frozen=True)
class Tile:
    """One figure, with a link to what it counts."""

    title: str | Promise
    value: str
    url: str = ""
    note: str | Promise = ""


@dataclass
class Panel:
    """What an app shows on the first page."""

    tiles: Sequence[Tile] = field(default_factory=list)
    charts: Sequence[Chart] = field(default_factory=list)
    # Templates that are shown above the figures.
    tools: Sequence[str] = field(default_factory=list)


# Takes the request, the account and what the app counted (empty before the first time).
Present = Callable[[HttpRequest, Any, dict[str, Any]], Panel]
_panels: list[tuple[int, str, Present]] = []


def register_panel(name: str, present: Present, *, order: int) -> None:
    """Have the function show its figures, those that the user may see.

    Args:
        name: Under which the app's figures are kept.
        present: Returns what to show; it judges itself what the user may see.
        order: Lower comes first.
    """
    _panels.append((order, name, present))
    _panels.sort(key=lambda one: one[0])


def may(request: HttpRequest, model: Any, right: str, account: Any) -> bool:
    """Return whether the user has the right to the model's rows of the account."""
    model_admin: Any = admin.site.get_model_admin(model)
    return bool(model_admin.reach(request, right).covers(account.pk))


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Add to the page what the user may see of the chosen account (unfold's hook)."""
    accounts = _accounts(request)
    account = _chosen(request, accounts)
    context |= {"title": _("Home"), "accounts": accounts, "account": account}
    if account is None:
        return context
    known = figures.look(account.pk)
    shown = [
        present(request, account, known.values.get(name, {})) for _order, name, present in _panels
    ]
    return context | {
        "tools": [tool for panel in shown for tool in panel.tools],
        "tiles": [tile for panel in shown for tile in panel.tiles],
        "charts": [chart for panel in shown for chart in panel.charts],
        # Whoever finds cards here most likely begins with one.
        "scan_next": True,
        "lines": attention.lines_for(request, account),
        "as_of": None if known.as_of is None else local(localtime(known.as_of), account),
        "due": known.due,
        "late": known.late,
    }


def _accounts(request: HttpRequest) -> list[Any]:
    from django.apps import apps

    rows = apps.get_model("accounts", "Account").objects.order_by("name", "pk")
    return list(reach_of(request).narrow(rows, "pk")[:_MOST_ACCOUNTS])


def _chosen(request: HttpRequest, accounts: list[Any]) -> Any:
    """Return the account that the address names, else the one looked at last, else the first."""
    by_key = {str(account.pk): account for account in accounts}
    asked = request.GET.get("account", "")
    if asked in by_key:
        request.session[_CHOSEN] = asked
    found = by_key.get(asked) or by_key.get(str(request.session.get(_CHOSEN)))
    return found or next(iter(accounts), None)

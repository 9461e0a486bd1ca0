"""What a staff user reaches: the accounts of their memberships, a superuser everything."""

from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest


@dataclass(frozen=True)
class Reach:
    """The accounts in which a staff user works."""

    everything: bool
    account_ids: frozenset[int]

    @property
    def nothing(self) -> bool:
        """Return whether there is no account at all."""
        return not self.everything and not self.account_ids

    @property
    def several(self) -> bool:
        """Return whether rows of more than one account may stand side by side."""
        return self.everything or len(self.account_ids) > 1

    def covers(self, account_id: int | None) -> bool:
        """Return whether the account is one of them."""
        return self.everything or account_id in self.account_ids

    def narrow(self, rows: QuerySet[Any], lookup: str | None) -> QuerySet[Any]:
        """Return those of the rows whose account, found under the lookup, is reached.

        Rows without such a lookup belong to no account: only superusers reach them.
        """
        if self.everything:
            return rows
        if lookup is None:
            return rows.none()
        return rows.filter(**{f"{lookup}__in": sorted(self.account_ids)})


def reach_of(request: HttpRequest) -> Reach:
    """Return what the request's user reaches; read once for each request."""
    known: Reach | None = getattr(request, "hub_reach", None)
    if known is None:
        known = request.hub_reach = _read(request.user)  # type: ignore[attr-defined]
    return known


def _read(user: Any) -> Reach:
    if not (user.is_active and user.is_staff):
        return Reach(everything=False, account_ids=frozenset())
    if user.is_superuser:
        return Reach(everything=True, account_ids=frozenset())
    account_ids = user.memberships.values_list("account_id", flat=True)
    return Reach(everything=False, account_ids=frozenset(account_ids))

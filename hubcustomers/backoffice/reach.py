"""What a staff user reaches: accounts by membership and role, a superuser everything."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet, TextChoices
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _


class Role(TextChoices):
    """What a staff user is in an account; each page says what that allows there."""

    MANAGER = "manager", _("Manager")
    SUPPORT = "support", _("Support agent")
    PRIVACY = "privacy", _("Privacy officer")
    OPERATOR = "operator", _("Operator")


@dataclass(frozen=True)
class Reach:
    """The accounts in which a staff user works, each with the user's role there."""

    everything: bool
    roles: Mapping[int, str] = field(default_factory=dict)

    @property
    def account_ids(self) -> frozenset[int]:
        """Return the accounts."""
        return frozenset(self.roles)

    @property
    def nothing(self) -> bool:
        """Return whether there is no account at all."""
        return not self.everything and not self.roles

    @property
    def several(self) -> bool:
        """Return whether rows of more than one account may stand side by side."""
        return self.everything or len(self.roles) > 1

    def covers(self, account_id: int | None) -> bool:
        """Return whether the account is one of them."""
        return self.everything or account_id in self.roles

    def where(self, allows: Callable[[str], bool]) -> "Reach":
        """Return the part of it in which the user's role allows something."""
        if self.everything:
            return self
        kept = {account: role for account, role in self.roles.items() if allows(role)}
        return Reach(everything=False, roles=kept)

    def narrow(self, rows: QuerySet[Any], lookup: str | None) -> QuerySet[Any]:
        """Return those of the rows whose account, found under the lookup, is reached.

        Rows without such a lookup belong to no account: only superusers reach them.
        """
        if self.everything:
            return rows
        if lookup is None:
            return rows.none()
        return rows.filter(**{f"{lookup}__in": sorted(self.roles)})


def reach_of(request: HttpRequest) -> Reach:
    """Return what the request's user reaches in any role; read once for each request."""
    known: Reach | None = getattr(request, "hub_reach", None)
    if known is None:
        known = request.hub_reach = _read(request.user)  # type: ignore[attr-defined]
    return known


def _read(user: Any) -> Reach:
    if not (user.is_active and user.is_staff):
        return Reach(everything=False)
    if user.is_superuser:
        return Reach(everything=True)
    return Reach(everything=False, roles=dict(user.memberships.values_list("account_id", "role")))

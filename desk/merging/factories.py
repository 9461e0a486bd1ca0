"""Merges for tests."""

from typing import Any

from django.contrib.auth.models import User

from customers.models import Customer
from desk.merging import services
from desk.merging.models import Merge


def merge(survivor: Customer, merged: Customer, **choices: str) -> Merge:
    """Merge the two as the boss would, by the proposal but for these choices."""
    return services.merge(survivor, merged, choices=choices, user=boss())


def undo(kept: Merge) -> None:
    """Undo the merge as the boss would."""
    services.undo(kept, user=boss())


def boss() -> Any:
    """Return the superuser who does it."""
    return User.objects.get_or_create(username="boss", defaults={"is_superuser": True})[0]

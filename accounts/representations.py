"""Accounts and locations as the API shows them (companion, section 3)."""

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from accounts.models import Account, Location


def represent_account(account: Account) -> dict[str, Any]:
    """Return ``{id, name, currency}``."""
    return {"id": account.public_id, "name": account.name, "currency": account.currency}


def represent_location(location: Location, account: Account) -> dict[str, Any]:
    """Return the location with its account and its time zone; offset in seconds, now."""
    offset = datetime.now(ZoneInfo(location.timezone)).utcoffset()
    return {
        "id": location.public_id,
        "name": location.name,
        "account": represent_account(account),
        "address": location.address or None,
        "postal_code": location.postal_code or None,
        "city": location.city or None,
        "country": location.country,
        "timezone": {
            "name": location.timezone,
            "offset": int(offset.total_seconds()) if offset is not None else 0,
        },
        "custom_fields": {},
    }

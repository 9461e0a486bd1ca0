"""Validators that models and commands share."""

import re
from zoneinfo import ZoneInfo

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from hubcustomers.countries import COUNTRY_CODES


def validate_currency(value: str) -> None:
    """Refuse what is not three capital letters."""
    if not re.fullmatch(r"[A-Z]{3}", value):
        raise ValidationError(_("must be three capital letters, like EUR"))


def validate_country(value: str) -> None:
    """Refuse what is not a country code of ISO 3166-1."""
    if value not in COUNTRY_CODES:
        raise ValidationError(_("must be a two-letter country code, like FR"))


def validate_time_zone(value: str) -> None:
    """Refuse a name that the time zone database does not know."""
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as error:
        # An unknown name is a KeyError; odd ones end as the other two.
        raise ValidationError(_("must be a time zone, like Europe/Paris")) from error

"""System checks of how staff sign in: ``manage.py check --deploy``."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage
from django.core.checks import Warning as CheckWarning


def check_second_factor(**kwargs: Any) -> list[CheckMessage]:
    """Warn of a hub that lets staff near personal data with a password alone."""
    if settings.SECOND_FACTOR_REQUIRED:
        return []
    return [
        CheckWarning(
            "HUB_SECOND_FACTOR=optional lets staff see personal data with a password alone.",
            hint="Leave it out, except on a hub that holds nobody's data.",
            id="hubcustomers.W001",
        )
    ]

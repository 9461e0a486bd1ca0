"""Care as a Django app."""

from django.apps import AppConfig


class CareConfig(AppConfig):
    """Pruning, checks, backups."""

    name = "care"

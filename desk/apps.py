"""The desk as a Django app."""

from django.apps import AppConfig


class DeskConfig(AppConfig):
    """What staff do across all apps."""

    name = "desk"

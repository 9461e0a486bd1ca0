"""The app's name in Django."""

from django.apps import AppConfig


class LoyaltyConfig(AppConfig):
    """The loyalty app."""

    name = "loyalty"

"""Configuration of the app."""

from django.apps import AppConfig


class ReferenceConfig(AppConfig):
    """The API's document."""

    name = "reference"

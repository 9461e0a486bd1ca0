"""The app's name in Django."""

from django.apps import AppConfig


class CallbacksConfig(AppConfig):
    """The callbacks app."""

    name = "callbacks"

"""Signing in as a Django app."""

from django.apps import AppConfig


class SigninConfig(AppConfig):
    """Sessions, second factors and the pages around them."""

    name = "signin"

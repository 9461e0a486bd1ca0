"""Signing in as a Django app."""

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in


class SigninConfig(AppConfig):
    """Sessions, second factors and the pages around them."""

    name = "signin"

    def ready(self) -> None:
        """Have each session know when it began."""
        # Needs the models.
        from signin.sessions import note_start

        user_logged_in.connect(note_start, dispatch_uid="signin")

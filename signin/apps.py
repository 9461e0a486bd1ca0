"""Signing in as a Django app."""

from django.apps import AppConfig
from django.contrib.auth.signals import user_logged_in
from django.core.checks import Tags, register
from django.utils.translation import gettext_lazy as _

from signin.checks import check_second_factor


class SigninConfig(AppConfig):
    """Sessions, second factors and the pages around them."""

    name = "signin"
    verbose_name = _("Signing in")

    def ready(self) -> None:
        """Have each session know when it began, and register the system checks."""
        # Needs the models.
        from signin.sessions import note_start

        user_logged_in.connect(note_start, dispatch_uid="signin")
        register(check_second_factor, Tags.security, deploy=True)

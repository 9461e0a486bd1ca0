"""The sessions of who is signed in."""

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models


class Session(AbstractBaseSession):
    """One browser's session; whose it is stands beside the data, so that others can end it."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.CASCADE,
        related_name="hub_sessions",
        db_constraint=False,
    )

    @classmethod
    def get_session_store_class(cls) -> type:
        """Return the engine that keeps sessions here."""
        # It imports this module.
        from signin.sessions import SessionStore

        return SessionStore

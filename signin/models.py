"""Sessions, second factors with their recovery codes, and how often somebody tried."""

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.db.models.functions import Now


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


class SecondFactor(models.Model):
    """The authenticator app of a staff user: its secret, and how far its codes are used up."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="second_factor",
        db_constraint=False,
    )
    # Encrypted, not hashed: codes are computed from it.
    sealed_secret = models.CharField(max_length=255, editable=False)
    # Number of the half minute whose code was taken last: no code up to it is taken again.
    last_step = models.BigIntegerField(editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return f"second factor of {self.user}"


class RecoveryCode(models.Model):
    """One code on paper that takes the place of the authenticator app, once; kept as a hash."""

    factor = models.ForeignKey(
        SecondFactor, on_delete=models.CASCADE, related_name="recovery_codes"
    )
    code_hash = models.BinaryField(max_length=32)
    used_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["factor", "code_hash"], name="signin_code_hash_uniq")
        ]

    def __str__(self) -> str:
        return f"recovery code {self.pk}"


class Tries(models.Model):
    """How often something was tried lately: a name, an address, a browser, a code.

    What was tried stands here as a hash only: people type passwords where names belong.
    """

    what_hash = models.BinaryField(max_length=32, primary_key=True)
    number = models.PositiveIntegerField()
    last_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["last_at"], name="signin_tries_last_idx")]

    def __str__(self) -> str:
        return f"{self.number} tries"

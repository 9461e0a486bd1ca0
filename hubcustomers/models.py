"""What the shared rooms keep: the audit trail, signs of life of workers, counted figures."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now


class AuditEntry(models.Model):
    """One thing that somebody did: who, what, to which object, when; never any values.

    The database refuses to change or to delete a row.
    """

    # Null for what belongs to no account, like a staff user.
    account = models.ForeignKey(
        "accounts.Account", null=True, on_delete=models.DO_NOTHING, db_index=False
    )
    # Null for commands; the name stays when the user goes.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
    )
    user_name = models.CharField(max_length=255)
    # A word like "created", "anonymised", "revealed", "exported".
    action = models.CharField(max_length=40)
    # The model, like "customers.customer", and the row.
    resource_type = models.CharField(max_length=60)
    resource_id = models.BigIntegerField(null=True)
    # What staff and clients call the row; of a person only the public id.
    resource_name = models.CharField(max_length=255)
    changed_fields = models.JSONField(default=list)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    class Meta:
        verbose_name_plural = "audit entries"
        indexes = [
            models.Index(fields=["account", "id"], name="hub_audit_account_idx"),
            models.Index(fields=["account", "action", "id"], name="hub_audit_action_idx"),
            models.Index(fields=["account", "user", "id"], name="hub_audit_user_idx"),
            models.Index(fields=["resource_type", "resource_id", "id"], name="hub_audit_row_idx"),
        ]

    def __str__(self) -> str:
        return f"audit entry {self.pk}"


class WorkerPulse(models.Model):
    """One worker process beside the web server, and when it was last seen at work."""

    # The command it runs, like "deliver_events".
    kind = models.CharField(max_length=40)
    token = models.UUIDField(unique=True)
    host = models.CharField(max_length=255)
    pid = models.BigIntegerField()
    started_at = models.DateTimeField(db_default=Now(), editable=False)
    seen_at = models.DateTimeField(db_default=Now(), editable=False)

    def __str__(self) -> str:
        return f"{self.kind} on {self.host}, process {self.pid}"


class AccountFigures(models.Model):
    """What was counted last for an account's first page; numbers only, nothing of a person."""

    account = models.ForeignKey(
        "accounts.Account", on_delete=models.DO_NOTHING, db_index=False, related_name="+"
    )
    # By the name of who counted (hubcustomers/backoffice/figures.py).
    values = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    computed_at = models.DateTimeField(null=True)
    # How long that took; what takes long is counted less often.
    seconds = models.FloatField(default=0)
    # When somebody last opened the page.
    asked_at = models.DateTimeField(null=True)
    # A worker is counting until then.
    leased_until = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["account"], name="hub_figures_account_uniq")]

    def __str__(self) -> str:
        return f"figures of account {self.account_id}"

"""What the privacy desk keeps; customers stand in it by number only."""

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from hubcustomers.public_ids import customer_ids
from hubcustomers.tenancy.models import TenantModel, TenantQuerySet


class ErasureCertificate(TenantModel):
    """One search of the whole database for an erased customer, and that nothing was found.

    It names the customer by number and what was looked for by the fields' names, never by
    their values. The database refuses to change or to delete it.
    """

    # No key: it outlives the customer's list.
    customer_id = models.BigIntegerField()
    erased_at = models.DateTimeField()
    searched_at = models.DateTimeField(db_default=Now(), editable=False)
    # Who erased; the name stays when the user goes.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    user_name = models.CharField(max_length=255)
    # What was looked for, by the names of the fields, and through how much.
    fields = models.JSONField(default=list)
    tables = models.PositiveIntegerField()
    columns = models.PositiveIntegerField()
    # ``table.column`` and how many rows of it; empty is what proves the erasure.
    found = models.JSONField(default=dict)

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name = _("erasure certificate")
        verbose_name_plural = _("erasure certificates")
        indexes = [
            models.Index(fields=["account", "id"], name="desk_certificate_account_idx"),
            models.Index(fields=["account", "customer_id"], name="desk_certificate_customer_idx"),
        ]

    def __str__(self) -> str:
        return f"certificate {self.pk}"

    @property
    def customer_public_id(self) -> str:
        """Return the customer's id that clients see."""
        return customer_ids.encode(self.customer_id)

"""Loyalty cards and the operations that move their balance."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import OuterRef, Q, Subquery, Value
from django.db.models.functions import Now
from django.utils.translation import gettext

from customers.models import Customer, CustomerList
from hubcustomers.fields import PointsField
from hubcustomers.public_ids import loyalty_card_ids, loyalty_operation_ids
from hubcustomers.tenancy.models import (
    StandingManager,
    TenantForeignKey,
    TenantModel,
    TenantQuerySet,
)
from orders.models import Order


class StandingCards(StandingManager):
    """Cards that stand for themselves: what was joined into another card is not among them."""

    link = "joined_into"


class LoyaltyCard(TenantModel):
    """One card of a customer in one scheme; ``balance`` is the last operation's balance."""

    customer_list = TenantForeignKey(CustomerList, db_cascade=True, related_name="loyalty_cards")
    # The key carries the list: a card and its customer are always in the same one.
    customer = TenantForeignKey(
        Customer, db_cascade=True, also=["customer_list"], related_name="loyalty_cards"
    )
    name = models.CharField(max_length=255, blank=True)
    ref = models.CharField(max_length=255, null=True, blank=True)
    # Only the ledger moves these two; triggers hold them to the last operation.
    balance = PointsField(default=0, db_default=Value(0), editable=False)
    last_sequence = models.BigIntegerField(default=0, db_default=0, editable=False)
    # The card that has this one's points since their customers were merged (desk/merging.py).
    # This one stays with the merged customer, empty, with its history; a trigger judges it.
    joined_into = TenantForeignKey(
        "self",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        editable=False,
        related_name="+",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = StandingCards()
    with_joined = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "customer", "name"],
                name="loyalty_card_customer_name_uniq",
                violation_error_code="name",
                violation_error_message="has already been taken",
            ),
            models.UniqueConstraint(
                fields=["account", "customer_list", "name", "ref"],
                name="loyalty_card_list_name_ref_uniq",
                violation_error_code="ref",
                violation_error_message="has already been taken",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "customer_list", "id"], name="loyalty_card_list_idx"),
            models.Index(
                fields=["account", "customer_list", "ref", "id"], name="loyalty_card_ref_idx"
            ),
            models.Index(
                fields=["account", "joined_into"],
                name="loyalty_card_joined_idx",
                condition=Q(joined_into__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return gettext("card %s") % self.public_id

    @property
    def public_id(self) -> str:
        """Return the id that clients see."""
        return loyalty_card_ids.encode(self.pk)


class LoyaltyOperationQuerySet(TenantQuerySet):
    """Operations of tenants."""

    def with_voids(self) -> "LoyaltyOperationQuerySet":
        """Return the rows, each with ``voided_by_id``: the operation that voids it, or None."""
        voids = LoyaltyOperation.objects.filter(account=OuterRef("account"), voids=OuterRef("pk"))
        return self.annotate(voided_by_id=Subquery(voids.values("pk")[:1]))


class LoyaltyOperation(TenantModel):
    """One immutable movement on a card; the card's balance is the last ``new_balance``."""

    card = TenantForeignKey(LoyaltyCard, db_cascade=True, related_name="operations")
    # Counts the card's operations from 1 without a gap.
    sequence = models.BigIntegerField()
    delta = PointsField()
    new_balance = PointsField()
    order = TenantForeignKey(
        Order, on_delete=models.PROTECT, null=True, blank=True, related_name="loyalty_operations"
    )
    reason = models.CharField(max_length=1000, null=True, blank=True)
    # The operation whose opposite this is. A trigger judges it; a key would cost each deleted
    # operation a look-up, and what never changes and goes with its card cannot dangle.
    voids = TenantForeignKey(
        "self",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        blank=True,
        related_name="+",
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = LoyaltyOperationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "card", "sequence"], name="loyalty_operation_sequence_uniq"
            ),
            models.UniqueConstraint(
                fields=["account", "voids"],
                name="loyalty_operation_voids_uniq",
                condition=Q(voids__isnull=False),
                violation_error_code="voids",
                violation_error_message="has already been voided",
            ),
            # To PostgreSQL NaN is larger than any number, and numeric columns take it.
            models.CheckConstraint(
                condition=Q(delta__lt=10**14),
                name="loyalty_operation_delta_chk",
                violation_error_code="delta",
                violation_error_message="must be a number",
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "order"],
                name="loyalty_operation_order_idx",
                condition=Q(order__isnull=False),
            ),
            # What happened in the last weeks, of years: rows lie in the order of time, so an
            # index of some pages finds them and costs a write nothing.
            BrinIndex(fields=["created_at"], name="loyalty_operation_time_idx", autosummarize=True),
        ]

    def __str__(self) -> str:
        return gettext("operation %s") % self.public_id

    @property
    def public_id(self) -> str:
        """Return the id that clients see."""
        return loyalty_operation_ids.encode(self.pk)

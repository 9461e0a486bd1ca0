"""Orders, and the refs that clients give them."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext

from accounts.models import Client, Location
from customers.models import Customer
from hubcustomers.fields import ExactJSONField, MoneyField
from hubcustomers.public_ids import order_ids
from hubcustomers.tenancy.models import TenantForeignKey, TenantModel, TenantQuerySet

STATUSES = (
    "new",
    "received",
    "accepted",
    "in_preparation",
    "awaiting_shipment",
    "awaiting_collection",
    "in_delivery",
    "completed",
    "rejected",
    "cancelled",
    "delivery_failed",
)
# Orders that came to nothing: a customer's statistics leave them out.
VOID_STATUSES = ("rejected", "cancelled")
SERVICE_TYPES = ("delivery", "collection", "eat_in")


class Order(TenantModel):
    """One order at one location; what was ordered and by whom never changes afterwards."""

    location = TenantForeignKey(Location, on_delete=models.PROTECT, related_name="orders")
    # The client that placed it (``created_by``); None for the back-office.
    client = models.ForeignKey(
        Client, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    customer = TenantForeignKey(Customer, db_set_null=True, null=True, related_name="orders")
    # The customer as of the order's creation, or a guest's data; null without either.
    customer_snapshot = ExactJSONField(null=True)
    ref = models.CharField(max_length=255, null=True)
    status = models.CharField(max_length=20)
    service_type = models.CharField(max_length=10, null=True)
    service_type_ref = models.CharField(max_length=255, null=True)
    expected_time = models.DateTimeField(null=True)
    confirmed_time = models.DateTimeField(null=True)
    customer_notes = models.TextField(max_length=2000, null=True)
    seller_notes = models.TextField(max_length=2000, null=True)
    collection_code = models.CharField(max_length=255, null=True)
    coupon_codes = ExactJSONField(default=list)
    items = ExactJSONField(default=list)
    deals = ExactJSONField(default=dict)
    discounts = ExactJSONField(default=list)
    charges = ExactJSONField(default=list)
    payments = ExactJSONField(default=list)
    total = MoneyField(default=0)
    custom_fields = ExactJSONField(default=dict)
    # Counts changes; orders the events that tell them.
    version = models.BigIntegerField(default=0, db_default=0, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            # What keys that carry the location refer to; pages of a location walk it.
            models.UniqueConstraint(
                fields=["account", "location", "id"], name="orders_order_location_uniq"
            ),
            models.CheckConstraint(
                condition=Q(status__in=STATUSES),
                name="orders_order_status_chk",
                violation_error_code="status",
                violation_error_message="is not a status of an order",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "id"], name="orders_order_account_idx"),
            models.Index(
                fields=["account", "customer", "created_at"], name="orders_order_customer_idx"
            ),
            models.Index(
                fields=["account", "location", "created_at"], name="orders_order_created_idx"
            ),
            # Tills ask every few seconds for the few orders that are new.
            models.Index(
                fields=["account", "location", "status", "id"], name="orders_order_status_idx"
            ),
        ]

    def __str__(self) -> str:
        return gettext("order %s") % self.public_id

    @property
    def public_id(self) -> str:
        """Return the id that clients see."""
        return order_ids.encode(self.pk)


class OrderPrivateRef(TenantModel):
    """One client's own id for one order; other clients neither see nor meet it."""

    location = TenantForeignKey(Location, on_delete=models.PROTECT, related_name="+")
    order = TenantForeignKey(Order, db_cascade=True, also=["location"], related_name="private_refs")
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+", db_index=False)
    ref = models.CharField(max_length=255)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                # In this order it also serves the search through all locations.
                fields=["account", "client", "ref", "location"],
                name="orders_privateref_ref_uniq",
                violation_error_code="private_ref",
                violation_error_message="has already been taken",
            ),
            models.UniqueConstraint(
                fields=["account", "order", "client"], name="orders_privateref_order_uniq"
            ),
        ]

    def __str__(self) -> str:
        return f"private ref {self.pk}"

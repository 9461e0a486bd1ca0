"""Callbacks, and the outbox of events that wait for them."""

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext

from accounts.models import Connection
from hubcustomers.fields import ExactJSONField
from hubcustomers.public_ids import event_ids
from hubcustomers.tenancy.models import TenantForeignKey, TenantModel, TenantQuerySet

# Neither acknowledged nor given up.
UNDONE = Q(acknowledged_at=None, given_up_at=None)


class Callback(TenantModel):
    """What one connection wants to hear of, and where; without a URL it asks by itself."""

    connection = TenantForeignKey(Connection, db_cascade=True, related_name="callbacks")
    url = models.CharField(max_length=2000, null=True, blank=True)
    # {"customer": ["create", "update"], …}
    events = models.JSONField(default=dict)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "connection"], name="callbacks_callback_connection_uniq"
            )
        ]

    def __str__(self) -> str:
        return gettext("callback %s") % self.pk


class Event(TenantModel):
    """One change of one resource, to be told to one connection.

    Undone means neither acknowledged nor given up. ``version`` orders the events of a
    resource: it comes from the resource's own row, which every change locks.
    """

    connection = TenantForeignKey(Connection, db_cascade=True, related_name="events")
    resource_type = models.CharField(max_length=20)
    event_type = models.CharField(max_length=10)
    # The changed row; its type says of which table.
    resource_id = models.BigIntegerField()
    version = models.BigIntegerField()
    # Where it is: a list for customers and lists, a location for orders.
    customer_list_id = models.BigIntegerField(null=True)
    location_id = models.BigIntegerField(null=True)
    new_state = ExactJSONField()
    previous_state = ExactJSONField(null=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    # Delivery; due_at is null where nobody sends it.
    due_at = models.DateTimeField(null=True)
    leased_until = models.DateTimeField(null=True)
    attempts = models.PositiveSmallIntegerField(default=0, db_default=0)
    acknowledged_at = models.DateTimeField(null=True)
    given_up_at = models.DateTimeField(null=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            # Also answers: is there an earlier undone event of the same resource?
            models.UniqueConstraint(
                fields=["account", "connection", "resource_type", "resource_id", "version"],
                name="callbacks_event_version_uniq",
                condition=UNDONE,
            )
        ]
        indexes = [
            # What the index endpoint walks.
            models.Index(
                fields=["account", "connection", "id"],
                name="callbacks_event_pending_idx",
                condition=Q(acknowledged_at=None),
            ),
            # A worker hops through it from connection to connection, then takes the oldest.
            models.Index(
                fields=["account", "connection", "due_at"],
                name="callbacks_event_due_idx",
                condition=UNDONE & Q(due_at__isnull=False),
            ),
            # Every event of a resource, to erase what it shows. Not as far as the version, or
            # a worker could take this one, with all that was ever told, for the constraint's.
            models.Index(
                fields=["account", "resource_type", "resource_id"],
                name="callbacks_event_resource_idx",
            ),
            # The pages of the back-office, latest first, and what needs attention there.
            models.Index(fields=["account", "id"], name="callbacks_event_account_idx"),
            models.Index(
                fields=["account", "id"],
                name="callbacks_event_given_up_idx",
                condition=Q(acknowledged_at=None, given_up_at__isnull=False),
            ),
            # What is on its way to a connection right now: a handful of rows.
            models.Index(
                fields=["account", "connection"],
                name="callbacks_event_leased_idx",
                condition=Q(leased_until__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return gettext("event %s") % self.public_id

    @property
    def public_id(self) -> str:
        """Return the id that clients see."""
        return event_ids.encode(self.pk)


class DeliveryAttempt(TenantModel):
    """One try to deliver an event: what was answered and how long it took."""

    # The migration writes the key: the database itself removes attempts with their event.
    event = models.ForeignKey(
        Event,
        on_delete=models.DO_NOTHING,
        related_name="attempts_made",
        db_constraint=False,
        db_index=False,
    )
    started_at = models.DateTimeField()
    duration_ms = models.PositiveIntegerField()
    # The HTTP status, or null and the reason in words.
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=255, null=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["event", "started_at"], name="callbacks_attempt_idx"),
            # The last days' attempts, which lie together, for the first page's chart.
            BrinIndex(fields=["started_at"], name="callbacks_attempt_time_idx", autosummarize=True),
        ]

    def __str__(self) -> str:
        return f"attempt {self.pk}"

"""What the privacy desk keeps; customers stand in it by number only."""

from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Case, Func, Q, When
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.models import CustomerList
from hubcustomers.public_ids import customer_ids
from hubcustomers.tenancy.models import TenantForeignKey, TenantModel, TenantQuerySet


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
        return gettext("certificate %s") % self.pk

    @property
    def customer_public_id(self) -> str:
        """Return the customer's id that clients see."""
        return customer_ids.encode(self.customer_id)


class MonthsLater(Func):
    """A date so many months later; the last day of the month where it has no such day."""

    template = "(%(expressions)s + interval '%(months)s months')::date"


class PrivacyRequest(TenantModel):
    """One thing that a person asked for, with the day by which it must be answered.

    A trigger writes each change to RequestChange; the database refuses to delete a request.
    """

    class Kind(models.TextChoices):
        """What is asked for."""

        ACCESS = "access", _("access to the data")
        ERASURE = "erasure", _("erasure")
        RECTIFICATION = "rectification", _("rectification")
        OBJECTION = "objection", _("objection")

    class State(models.TextChoices):
        """Where it is."""

        OPEN = "open", _("open")
        WAITING = "waiting", _("waiting for the person")
        CLOSED = "closed", _("closed")

    class Outcome(models.TextChoices):
        """How it ended."""

        DONE = "done", _("done as asked")
        PARTLY = "partly", _("done in part")
        NOTHING_HELD = "nothing", _("nothing is held on the person")
        REFUSED = "refused", _("refused")
        WITHDRAWN = "withdrawn", _("withdrawn")

    kind = models.CharField(max_length=15, choices=Kind)
    received_on = models.DateField()
    # Set once, when two months more are taken; the reason is told to the person.
    extended_on = models.DateField(null=True, editable=False)
    extension_reason = models.CharField(max_length=500, blank=True, default="", editable=False)
    due_on = models.GeneratedField(
        expression=Case(
            When(extended_on__isnull=True, then=MonthsLater("received_on", months=1)),
            default=MonthsLater("received_on", months=3),
        ),
        output_field=models.DateField(),
        db_persist=True,
    )
    state = models.CharField(max_length=10, choices=State, default=State.OPEN)
    outcome = models.CharField(max_length=10, choices=Outcome, blank=True, default="")
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    # No key: the number stays when the customer has gone.
    customer_id = models.BigIntegerField(null=True, blank=True, editable=False)
    # What staff must remember; emptied where it tells of a person who is anonymised.
    notes = models.TextField(max_length=2000, blank=True, default="")
    user_name = models.CharField(max_length=255, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name = _("privacy request")
        verbose_name_plural = _("privacy requests")
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["open", "waiting"], outcome="")
                | (Q(state="closed") & ~Q(outcome="")),
                name="desk_request_outcome_chk",
                violation_error_code="outcome",
                violation_error_message=_("must be said when a request is closed, and only then"),
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["access", "erasure", "rectification", "objection"]),
                name="desk_request_kind_chk",
                violation_error_code="kind",
                violation_error_message="is no kind of request",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "id"], name="desk_request_account_idx"),
            models.Index(fields=["account", "customer_id"], name="desk_request_customer_idx"),
            # What is due: few rows among many.
            models.Index(
                fields=["account", "due_on"],
                name="desk_request_due_idx",
                condition=~Q(state="closed"),
            ),
        ]

    def __str__(self) -> str:
        return gettext("request %s") % self.pk

    @property
    def is_open(self) -> bool:
        """Return whether it is still to be answered."""
        return self.state != self.State.CLOSED

    @property
    def customer_public_id(self) -> str:
        """Return the customer's id that clients see, empty without one."""
        return "" if self.customer_id is None else customer_ids.encode(self.customer_id)


class RequestChange(TenantModel):
    """One field of a request that changed; a trigger writes it, and nobody changes it again."""

    request = TenantForeignKey(PrivacyRequest, on_delete=models.DO_NOTHING, related_name="changes")
    # The column; of free text the values are not kept, so that they can be erased.
    field = models.CharField(max_length=30)
    old_value = models.CharField(max_length=40, null=True)
    new_value = models.CharField(max_length=40, null=True)
    # Empty where nobody said.
    user_name = models.CharField(max_length=255)
    changed_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["account", "request", "id"], name="desk_requestchange_idx")]

    def __str__(self) -> str:
        return f"change {self.pk} of request {self.request_id}"


class RetentionRule(TenantModel):
    """How many months customers of a list may be silent, or of every list without its own rule.

    Nobody is anonymised by the rule itself: staff look at a preview and confirm it, or a
    command runs.
    """

    class Sign(models.TextChoices):
        """What counts as a sign of life, besides that the customer was made."""

        ANY = "any", _("order, operation or change, whichever is latest")
        ORDER = "last-order", _("last order")
        OPERATION = "last-operation", _("last operation, or the making of a card")
        UPDATE = "last-update", _("last change of what is known")

    customer_list = TenantForeignKey(
        CustomerList, db_cascade=True, null=True, blank=True, related_name="+"
    )
    months = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(1), MaxValueValidator(1200)]
    )
    by = models.CharField(max_length=20, choices=Sign, default=Sign.ANY)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        verbose_name = _("retention rule")
        verbose_name_plural = _("retention rules")
        constraints = [
            models.UniqueConstraint(
                fields=["account", "customer_list"],
                name="desk_retentionrule_list_uniq",
                nulls_distinct=False,
                violation_error_code="customer_list",
                violation_error_message=_("has a rule already"),
            ),
            models.CheckConstraint(
                condition=Q(months__range=(1, 1200)),
                name="desk_retentionrule_months_chk",
                violation_error_code="months",
                violation_error_message="must be 1 to 1200",
            ),
        ]

    def __str__(self) -> str:
        return gettext("rule %s") % self.pk

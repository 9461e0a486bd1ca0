"""Background jobs, and the rows of files that wait for one or were refused by one."""

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.models import CustomerList
from hubcustomers.fields import ExactJSONField
from hubcustomers.tenancy.models import TenantForeignKey, TenantModel, TenantQuerySet


class State(models.TextChoices):
    """Where a job is in its life."""

    DRAFT = "draft", _("not started")
    # An import that was tried without writing, and can be started now.
    CHECKED = "checked", _("checked")
    QUEUED = "queued", _("waiting")
    RUNNING = "running", _("running")
    DONE = "done", _("done")
    FAILED = "failed", _("failed")
    CANCELLED = "cancelled", _("cancelled")


# Not over yet: such a job can be cancelled.
OPEN = (State.DRAFT, State.CHECKED, State.QUEUED, State.RUNNING)
# A worker is or will be at it.
ACTIVE = (State.QUEUED, State.RUNNING)


class Job(TenantModel):
    """One piece of work that runs step by step, each step with its checkpoint.

    ``kind`` names the function that does a step (transfer/jobs.py). A worker holds a job
    by ``lease_token``; who lost it can write no step more.
    """

    kind = models.CharField(max_length=30)
    customer_list = TenantForeignKey(CustomerList, db_cascade=True, null=True, related_name="jobs")
    # What people call it: of an import the name of the file.
    title = models.CharField(max_length=255)
    state = models.CharField(max_length=10, choices=State, default=State.DRAFT)
    # What was asked for, how far it is, and what came of it; what is in them is the kind's.
    options = models.JSONField(default=dict)
    checkpoint = models.JSONField(default=dict)
    counts = models.JSONField(default=dict)
    total = models.BigIntegerField(default=0)
    done = models.BigIntegerField(default=0)
    # Why it failed, in a sentence.
    error = models.TextField(default="", blank=True)
    # Null for commands; the name stays when the user goes.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        db_index=False,
        related_name="+",
    )
    user_name = models.CharField(max_length=255)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    lease_token = models.UUIDField(null=True)
    # Null where no other worker may take it over: a command's job is its own.
    lease_until = models.DateTimeField(null=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=State.values), name="transfer_job_state_chk"
            )
        ]
        indexes = [
            models.Index(fields=["account", "id"], name="transfer_job_account_idx"),
            models.Index(fields=["account", "customer_list", "id"], name="transfer_job_list_idx"),
            # What workers look through.
            models.Index(
                fields=["id"],
                name="transfer_job_open_idx",
                condition=Q(state__in=("queued", "running")),
            ),
        ]

    def __str__(self) -> str:
        return gettext("job %s") % self.pk


class StagedRow(TenantModel):
    """One row of an uploaded file, until its job has ended."""

    # The migration writes the key: the database itself removes rows with their job.
    job = models.ForeignKey(
        Job,
        on_delete=models.DO_NOTHING,
        related_name="staged_rows",
        db_constraint=False,
        db_index=False,
    )
    line = models.BigIntegerField()
    # An array of cells, the object of a JSON line, or the text of a line that is none.
    cells = ExactJSONField()

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "line"], name="transfer_stagedrow_line_uniq")
        ]

    def __str__(self) -> str:
        return f"row {self.line} of job {self.job_id}"


class RefusedRow(TenantModel):
    """One row that an import refused, kept for a week to be corrected."""

    # The migration writes the key: the database itself removes rows with their job.
    job = models.ForeignKey(
        Job,
        on_delete=models.DO_NOTHING,
        related_name="refused_rows",
        db_constraint=False,
        db_index=False,
    )
    line = models.BigIntegerField()
    cells = ExactJSONField()
    reason = models.TextField()

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "line"], name="transfer_refusedrow_line_uniq")
        ]

    def __str__(self) -> str:
        return f"refused row {self.line} of job {self.job_id}"


class GrantedCard(TenantModel):
    """One card of a bulk grant of points, and the operation that the grant posted to it.

    There is one row for each job and card, and a trigger lets its operation be set once:
    whatever happens to a worker, no card gets the points twice.
    """

    # The migration writes the key: the database itself removes rows with their job.
    job = models.ForeignKey(
        Job,
        on_delete=models.DO_NOTHING,
        related_name="granted_cards",
        db_constraint=False,
        db_index=False,
    )
    # Without a key, which would cost each deleted card a look-up: a number that is left over
    # tells nothing of anybody.
    card_id = models.BigIntegerField()
    # Null before it was posted, and where the card could not take it.
    operation_id = models.BigIntegerField(null=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["job", "card_id"], name="transfer_grantedcard_uniq")
        ]

    def __str__(self) -> str:
        return f"card {self.card_id} of job {self.job_id}"


class ListMapping(TenantModel):
    """Which column meant which field, the last time a file was imported into the list."""

    customer_list = TenantForeignKey(CustomerList, db_cascade=True, related_name="+")
    fields = models.JSONField(default=dict)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "customer_list"], name="transfer_listmapping_list_uniq"
            )
        ]

    def __str__(self) -> str:
        return f"mapping of list {self.customer_list_id}"


class Pulled(TenantModel):
    """One object of another server that was copied here, or a list that is being copied.

    It holds nothing of a person: ids, and how far the copying is.
    """

    class Kind(models.TextChoices):
        """What it is."""

        LIST = "list", _("customer list")
        CUSTOMER = "customer", _("customer")
        CARD = "card", _("loyalty card")

    # The server and the account there.
    source = models.CharField(max_length=255)
    kind = models.CharField(max_length=10, choices=Kind)
    remote_id = models.CharField(max_length=64)
    # The row here; what is in a deleted list is copied again.
    local_id = models.BigIntegerField()
    # Keyed hash of what was copied last; empty when it must be looked at again.
    fingerprint = models.CharField(max_length=64, default="")
    # Of a list: the cursor where an interrupted run stopped. Of a card: its last operation
    # there, and how many operations it got from there.
    state = models.JSONField(default=dict)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "source", "kind", "remote_id"], name="transfer_pulled_uniq"
            ),
            models.CheckConstraint(
                condition=Q(kind__in=["list", "customer", "card"]), name="transfer_pulled_kind_chk"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "kind", "local_id"], name="transfer_pulled_local_idx")
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.remote_id}"

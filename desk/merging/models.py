"""What staff decide about customers: who is the same person, and who is not."""

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from customers.models import Customer, CustomerList
from hubcustomers.fields import ExactJSONField
from hubcustomers.tenancy.models import TenantForeignKey, TenantModel, TenantQuerySet


class Merge(TenantModel):
    """Two customers of one list who became one, and what it takes to part them again."""

    customer_list = TenantForeignKey(CustomerList, db_cascade=True, related_name="+")
    # Without keys: customers go only with their list, which takes these rows along, and each
    # customer that goes would look for its merges.
    survivor = TenantForeignKey(
        Customer, on_delete=models.DO_NOTHING, db_constraint=False, related_name="merges"
    )
    merged = TenantForeignKey(
        Customer, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    # Who did it, and who took it back.
    user_name = models.CharField(max_length=255)
    undone_by = models.CharField(max_length=255, blank=True, default="")
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    undone_at = models.DateTimeField(null=True)
    # The survivor's fields that it changed: ``{name: [before, after]}``. Personal data, emptied
    # when the merge is undone or can be no more, and when the survivor is anonymised.
    changes = ExactJSONField(default=dict)
    # What changed hands, by number: orders, cards, points, refs, earlier merges; and the two
    # by their public ids, by which the search for traces of a person knows the row.
    moved = ExactJSONField(default=dict)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(survivor=models.F("merged")), name="desk_merge_two_chk"
            ),
            models.UniqueConstraint(
                fields=["account", "merged"],
                name="desk_merge_merged_uniq",
                condition=Q(undone_at=None),
            ),
        ]
        indexes = [
            models.Index(fields=["account", "survivor", "id"], name="desk_merge_survivor_idx")
        ]

    def __str__(self) -> str:
        return f"merge {self.pk}"


class PossibleDuplicate(TenantModel):
    """Two customers of one list who may be one person; staff decide, never the hub."""

    customer_list = TenantForeignKey(CustomerList, db_cascade=True, related_name="+")
    # The older of the two, and the younger one. Without keys, as those of a merge.
    first = TenantForeignKey(
        Customer, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    second = TenantForeignKey(
        Customer, on_delete=models.DO_NOTHING, db_constraint=False, related_name="+"
    )
    # What they share: words of desk/duplicates.py, none of their values.
    reasons = models.JSONField(default=list)
    found_at = models.DateTimeField(db_default=Now(), editable=False)
    # When staff said that they are two, and who; a search does not bring the pair back.
    parted_at = models.DateTimeField(null=True)
    parted_by = models.CharField(max_length=255, blank=True, default="")

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(first__lt=models.F("second")), name="desk_duplicate_order_chk"
            ),
            models.UniqueConstraint(
                fields=["account", "first", "second"], name="desk_duplicate_pair_uniq"
            ),
        ]
        indexes = [
            models.Index(fields=["account", "second"], name="desk_duplicate_second_idx"),
            # The page of a list, and what goes with the list.
            models.Index(fields=["account", "customer_list", "id"], name="desk_duplicate_list_idx"),
        ]

    def __str__(self) -> str:
        return f"possible duplicate {self.pk}"

"""Customer lists, customers, and the refs that clients give them."""

from typing import Any

from django.contrib.postgres.constraints import ExclusionConstraint
from django.db import models
from django.db.models import F, Func, Q, Value
from django.db.models.functions import Lower, Now
from django.utils.translation import gettext

from accounts.models import Client, Location
from hubcustomers.fields import CoordinateField, ExactJSONField, Folded, MoneyField, Reverse
from hubcustomers.public_ids import customer_ids, customer_list_ids
from hubcustomers.tenancy.models import (
    StandingManager,
    TenantForeignKey,
    TenantModel,
    TenantQuerySet,
)

# What anonymising erases (spec 2.5), and the door code that the companion adds.
ANONYMISED_FIELDS = (
    "email",
    "first_name",
    "last_name",
    "gender",
    "birth_date",
    "company_name",
    "phone",
    "address_1",
    "address_2",
    "postal_code",
    "latitude",
    "longitude",
    "delivery_notes",
    "phone_access_code",
)


class _Range(Func):
    """The closed range from a value to itself; from null, the range without ends."""

    template = "%(function)s(%(expressions)s, %(expressions)s, '[]')"

    def as_sql(self, *args: Any, **kwargs: Any) -> Any:
        """Return the SQL; the template says its expression twice, so its values count twice."""
        sql, params = super().as_sql(*args, **kwargs)
        return sql, [*params, *params]


class _NameHash(Func):
    """The name as a number, because no built-in type makes a range of a text."""

    template = "hashtextextended(%(expressions)s, 0)::numeric"


class CustomerList(TenantModel):
    """A named list of customers, of one location or (without one) of the whole account."""

    location = TenantForeignKey(Location, on_delete=models.PROTECT, null=True, blank=True)
    name = models.CharField(max_length=255)
    # Counts changes; orders the events that tell them.
    version = models.BigIntegerField(default=0, db_default=0, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            # A list without location meets every location of its account, so one rule
            # covers both halves of spec 1. A false refusal needs two names of one
            # account to collide in 64 bits.
            ExclusionConstraint(
                name="customers_customerlist_name_excl",
                expressions=[
                    (_Range(F("account"), function="int8range"), "&&"),
                    (_Range(_NameHash(F("name")), function="numrange"), "&&"),
                    (_Range(F("location"), function="int8range"), "&&"),
                ],
                violation_error_code="name",
                violation_error_message="has already been taken",
            ),
            models.CheckConstraint(
                condition=Q(name__gt="", name=Func(F("name"), function="BTRIM")),
                name="customers_customerlist_name_chk",
                violation_error_code="name",
                violation_error_message="can't be blank",
            ),
        ]
        indexes = [
            models.Index(fields=["account", "location", "id"], name="customers_list_location_idx")
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        """Return the id that clients see."""
        return customer_list_ids.encode(self.pk)


class StandingCustomers(StandingManager):
    """Customers who stand for themselves: who was merged into another one is not among them."""

    link = "merged_into"


class Customer(TenantModel):
    """One person in one list; everything about the person is optional."""

    customer_list = TenantForeignKey(CustomerList, db_cascade=True, related_name="customers")
    anonymised = models.BooleanField(default=False, editable=False)
    email = models.CharField(max_length=255, null=True, blank=True)
    # What e-mail filters compare: case does not count, the order is that of the bytes.
    email_folded = models.GeneratedField(
        expression=Lower("email"),
        output_field=models.CharField(max_length=255, null=True, db_collation="C"),
        db_persist=True,
    )
    first_name = models.CharField(max_length=255, null=True, blank=True)
    last_name = models.CharField(max_length=255, null=True, blank=True)
    gender = models.CharField(
        max_length=6, null=True, blank=True, choices=[("male", "male"), ("female", "female")]
    )
    birth_date = models.DateField(null=True, blank=True)
    company_name = models.CharField(max_length=255, null=True, blank=True)
    # E.164 where the number could be read, else as it came (companion, section 6).
    phone = models.CharField(max_length=255, null=True, blank=True, db_collation="C")
    address_1 = models.CharField(max_length=255, null=True, blank=True)
    address_2 = models.CharField(max_length=255, null=True, blank=True)
    postal_code = models.CharField(max_length=255, null=True, blank=True)
    city = models.CharField(max_length=255, null=True, blank=True)
    state = models.CharField(max_length=255, null=True, blank=True)
    country = models.CharField(max_length=2, null=True, blank=True)
    latitude = CoordinateField(null=True, blank=True)
    longitude = CoordinateField(null=True, blank=True)
    delivery_notes = models.TextField(max_length=2000, null=True, blank=True)
    phone_access_code = models.CharField(max_length=255, null=True, blank=True)
    sms_marketing = models.BooleanField(default=False, db_default=False)
    email_marketing = models.BooleanField(default=False, db_default=False)
    nb_orders = models.IntegerField(default=0, db_default=0, editable=False)
    order_total = MoneyField(default=0, db_default=Value(0), editable=False)
    first_order_date = models.DateTimeField(null=True, editable=False)
    last_order_date = models.DateTimeField(null=True, editable=False)
    # Whether it has a loyalty card; kept by triggers of the cards, an app further up, as nobody
    # finds the few without one among a million otherwise.
    has_card = models.BooleanField(default=False, db_default=False, editable=False)
    custom_fields = ExactJSONField(default=dict, blank=True)
    # The customer who stands for this one since the two were merged (desk/merging.py), never
    # itself merged: a trigger judges it, as a key would cost each deleted customer a look-up.
    merged_into = TenantForeignKey(
        "self",
        on_delete=models.DO_NOTHING,
        db_constraint=False,
        null=True,
        editable=False,
        related_name="+",
    )
    # Counts changes; orders the events that tell them.
    version = models.BigIntegerField(default=0, db_default=0, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    # When what is told of the person changed last, kept by a trigger; statistics and versions do
    # not count. Null where nothing ever changed.
    updated_at = models.DateTimeField(null=True, editable=False)

    objects = StandingCustomers()
    with_merged = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            # Pages walk this index; it is also what keys that carry the list refer to.
            models.UniqueConstraint(
                fields=["account", "customer_list", "id"], name="customers_customer_list_uniq"
            ),
            models.CheckConstraint(
                condition=Q(anonymised=False)
                | Q(**{f"{name}__isnull": True for name in ANONYMISED_FIELDS}),
                name="customers_customer_anonymised_chk",
                violation_error_code="anonymised",
                violation_error_message="is final: the private fields stay empty",
            ),
            models.CheckConstraint(
                condition=Q(latitude__isnull=True) | Q(latitude__range=(-90, 90)),
                name="customers_customer_latitude_chk",
                violation_error_code="latitude",
                violation_error_message="must be between -90 and 90",
            ),
            models.CheckConstraint(
                condition=Q(longitude__isnull=True) | Q(longitude__range=(-180, 180)),
                name="customers_customer_longitude_chk",
                violation_error_code="longitude",
                violation_error_message="must be between -180 and 180",
            ),
        ]
        indexes = [
            # A prefix is a range of these, an ending a range of their mirror images.
            models.Index("account", "customer_list", "phone", "id", name="customers_phone_idx"),
            models.Index(
                "account", "customer_list", Reverse("phone"), "id", name="customers_phone_end_idx"
            ),
            models.Index(
                "account", "customer_list", "email_folded", "id", name="customers_email_idx"
            ),
            models.Index(
                "account",
                "customer_list",
                Reverse("email_folded"),
                "id",
                name="customers_email_end_idx",
            ),
            # Staff find people by the beginning of a name; clients of the API do not.
            *(
                models.Index(
                    "account",
                    "customer_list",
                    Folded(name),
                    "id",
                    name=f"customers_{name}_idx",
                    condition=Q(**{f"{name}__isnull": False}),
                )
                for name in ("first_name", "last_name", "company_name")
            ),
            # Few rows among many.
            models.Index(
                fields=["account", "merged_into"],
                name="customers_merged_idx",
                condition=Q(merged_into__isnull=False),
            ),
            models.Index(
                fields=["account", "id"],
                name="customers_cardless_idx",
                condition=Q(has_card=False),
            ),
            *(
                models.Index(
                    fields=["account", "id"],
                    name=f"customers_{name}_idx",
                    condition=Q(**{name: True}),
                )
                for name in ("anonymised", "sms_marketing", "email_marketing")
            ),
        ]

    def __str__(self) -> str:
        # Never personal data: this text ends up in logs of the back-office.
        return gettext("customer %s") % self.public_id

    @property
    def public_id(self) -> str:
        """Return the id that clients see."""
        return customer_ids.encode(self.pk)


class CustomerPrivateRef(TenantModel):
    """One client's own id for one customer; other clients neither see nor meet it."""

    customer_list = TenantForeignKey(CustomerList, db_cascade=True, related_name="+")
    # The key carries the list, so that the ref stays in the list it is unique in.
    customer = TenantForeignKey(
        Customer, db_cascade=True, also=["customer_list"], related_name="private_refs"
    )
    client = models.ForeignKey(Client, on_delete=models.PROTECT, related_name="+", db_index=False)
    ref = models.CharField(max_length=255)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "customer_list", "client", "ref"],
                name="customers_privateref_ref_uniq",
                violation_error_code="private_ref",
                violation_error_message="has already been taken",
            ),
            models.UniqueConstraint(
                fields=["account", "customer", "client"], name="customers_privateref_customer_uniq"
            ),
        ]

    def __str__(self) -> str:
        return f"private ref {self.pk}"


class ConsentChange(TenantModel):
    """One marketing flag of a customer that changed; a trigger writes it, whoever writes the flag.

    The database refuses to change a row; rows go only with their customer. They prove consent
    and show nothing of the person, so anonymising leaves them.
    """

    customer = TenantForeignKey(Customer, db_cascade=True, related_name="consent_changes")
    # The customer's field: sms_marketing or email_marketing.
    flag = models.CharField(max_length=20)
    # Null where the history begins.
    old_value = models.BooleanField(null=True)
    new_value = models.BooleanField()
    # From where, see customers/consent.py; empty where nobody said.
    source = models.CharField(max_length=20)
    # The client, the staff user or the job.
    source_name = models.CharField(max_length=255)
    changed_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["account", "customer", "id"], name="customers_consent_idx"),
            # The page of the back-office, latest first.
            models.Index(fields=["account", "id"], name="customers_consent_account_idx"),
        ]

    def __str__(self) -> str:
        return gettext("consent change %s") % self.pk


class Erasure(TenantModel):
    """One customer that was anonymised, and when; a trigger writes it, whoever anonymises.

    Nothing here tells who it was. The database neither changes nor deletes a row, not even
    with the customer's list: after an older backup is restored, the register says whom to
    anonymise again.
    """

    # No keys: the row outlives both.
    customer_list_id = models.BigIntegerField()
    customer_id = models.BigIntegerField()
    # Tells whether an id still means the same customer after a restore.
    customer_created_at = models.DateTimeField()
    # Null where it was before the register began.
    erased_at = models.DateTimeField(null=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "customer_id"], name="customers_erasure_customer_uniq"
            )
        ]
        indexes = [models.Index(fields=["account", "id"], name="customers_erasure_account_idx")]

    def __str__(self) -> str:
        return f"erasure {self.pk}"

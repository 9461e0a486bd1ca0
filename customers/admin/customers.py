"""The back-office of customers; customers/services.py does the writing."""

from functools import reduce
from operator import or_
from typing import Any

from django.contrib import admin, messages
from django.db.models import Field, Q, QuerySet
from django.db.models.functions import Coalesce
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from customers import services
from customers.admin.forms import (
    CoordinateInput,
    CustomerForm,
    CustomFieldsInput,
)
from customers.admin.lists import card_counts, place_of
from customers.models import ANONYMISED_FIELDS, Customer, CustomerList
from hubcustomers.api.fields import money, plain_decimal
from hubcustomers.backoffice import pages
from hubcustomers.backoffice.display import button, column, link, local, short
from hubcustomers.backoffice.filters import AccountFilter, CustomerListFilter
from hubcustomers.backoffice.reach import Role
from hubcustomers.backoffice.scoping import EDIT, VIEW, ScopedModelAdmin
from hubcustomers.fields import CoordinateField, ExactJSONField
from hubcustomers.phones import phone_patterns
from hubcustomers.public_ids import customer_ids

# A search that finds more than this is too short to be of use.
_MOST_FOUND = 500
# No character comes after this one.
_LAST = "\U0010ffff"


class AnonymisedFilter(admin.SimpleListFilter):
    """Anonymised customers, or the others."""

    title = "anonymised"
    parameter_name = "anonymised"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """Return the two choices."""
        return [("no", "No"), ("yes", "Yes")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        """Return the rows of the choice."""
        if self.value() not in {"no", "yes"}:
            return queryset
        return queryset.filter(anonymised=self.value() == "yes")


# The page of a customer: groups of lines of fields.
_LINES = (
    (
        "Person",
        (
            ("first_name", "last_name", "company_name"),
            ("email", "phone"),
            ("gender", "birth_date"),
        ),
    ),
    (
        "Address",
        (
            ("address_1", "address_2"),
            ("postal_code", "city"),
            ("state", "country"),
            ("latitude", "longitude"),
            ("phone_access_code",),
            ("delivery_notes",),
        ),
    ),
    ("Marketing", (("sms_marketing", "email_marketing"),)),
    ("Further data (JSON)", (("custom_fields",),)),
)


@admin.register(Customer)
class CustomerAdmin(ScopedModelAdmin):
    """Customers, under the rules of the API."""

    role_may = {
        Role.MANAGER: EDIT | {"anonymise"},
        Role.SUPPORT: VIEW,
        Role.PRIVACY: VIEW | {"change", "anonymise"},
    }
    form = CustomerForm
    choice_ordering = ("-pk",)
    public_ids = customer_ids
    # Named for the search box to appear; ``search`` says how each is found.
    search_fields = ("phone", "email")
    search_help_text = "Phone, e-mail, card ref or id"
    list_display = (
        "public_id",
        "person",
        "phone",
        "email_short",
        "list_name",
        "account",
        "created",
    )
    list_filter = (AccountFilter, CustomerListFilter, AnonymisedFilter)
    list_select_related = ("customer_list__location", "account")
    actions_detail = ("anonymise",)
    change_form_outer_after_template = "admin/hub/tables.html"

    # --- what the pages show ------------------------------------------------------------

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the groups of fields; of an anonymised customer those that are left."""
        gone = ANONYMISED_FIELDS if obj is not None and obj.anonymised else ()
        head: Any = ["customer_list"] if obj is None else [self.readonly_fields]
        groups = [
            (name, [kept for line in lines if (kept := [f for f in line if f not in gone])])
            for name, lines in _LINES
        ]
        return [(None, {"fields": head})] + [
            (name, {"fields": lines}) for name, lines in groups if lines
        ]

    readonly_fields = ("public_id", "list_name", "created", "orders", "refs")

    def formfield_for_dbfield(
        self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Return the form's field; numbers and JSON stay text until the API's rules read them."""
        if isinstance(db_field, CoordinateField):
            return CoordinateInput(required=False, widget=UnfoldAdminTextInputWidget())
        if isinstance(db_field, ExactJSONField):
            widget = UnfoldAdminTextareaWidget(attrs={"rows": 5})
            return CustomFieldsInput(label="Custom fields", required=False, widget=widget)
        formfield = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "delivery_notes":
            formfield.widget.attrs["rows"] = 3
        return formfield

    @column("id")
    def public_id(self, obj: Customer) -> str:
        """Return the id that clients see."""
        return obj.public_id

    @column("name")
    def person(self, obj: Customer) -> str:
        """Return the name, as far as it is known."""
        if obj.anonymised:
            return "(anonymised)"
        name = " ".join(part for part in (obj.first_name, obj.last_name) if part)
        return short(name or obj.company_name or "-")

    @column("e-mail")
    def email_short(self, obj: Customer) -> str:
        """Return the e-mail address, cut where it is very long."""
        return short(obj.email or "-")

    @column("customer list")
    def list_name(self, obj: Customer) -> str:
        """Return the list's name."""
        return short(obj.customer_list.name)

    @column("created")
    def created(self, obj: Customer) -> str:
        """Return when it was made, on the clocks of its place."""
        return local(obj.created_at, place_of(obj.customer_list))

    @column("orders")
    def orders(self, obj: Customer) -> str:
        """Return how many orders there are, worth how much, from when to when."""
        total = money(obj.order_total, obj.account.currency)
        if not obj.nb_orders:
            return f"0, {total}"
        zone = place_of(obj.customer_list)
        first, last = local(obj.first_order_date, zone), local(obj.last_order_date, zone)
        return f"{obj.nb_orders}, {total}, from {first} to {last}"

    @column("private refs")
    def refs(self, obj: Customer) -> str:
        """Return what clients call the customer."""
        refs = obj.private_refs.select_related("client").order_by("client__name")
        return ", ".join(f"{ref.client}: {ref.ref}" for ref in refs) or "-"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the customer and their cards."""
        obj = self.get_object(request, object_id)
        tables = {"tables": [] if obj is None else [_card_table(obj)]}
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **tables}
        )

    # --- search -------------------------------------------------------------------------

    def search(self, request: HttpRequest, term: str) -> Q:
        """Return the condition: the public id, or what phone, e-mail and card ref find.

        Each is a range of an index that begins with account and list, so the search starts
        from the lists in reach; one condition over all of them would read every customer.
        """
        lists = self.admin_site.get_model_admin(CustomerList).get_queryset(request).order_by()
        found = {self.public_ids.decode(term.lower()) or 0}
        for path, condition in _ways(lists, term):
            found.update(lists.filter(condition).values_list(path, flat=True)[:_MOST_FOUND])
        return Q(pk__in=found)

    # --- writing ------------------------------------------------------------------------

    def check_reach(self, request: HttpRequest, obj: Customer) -> None:
        """Refuse a foreign row; a new one goes into a list that was a choice in reach."""
        if obj.pk is not None:
            super().check_reach(request, obj)

    def write(self, request: HttpRequest, obj: Customer, form: Any, change: bool) -> None:
        """Create the customer, or change under lock what the user changed."""
        if change:
            self._update(request, obj, form.validated)
            return
        obj.customer_list = form.cleaned_data["customer_list"]
        obj.account_id = obj.customer_list.account_id
        obj.pk, _, _ = services.create_customer(
            account_id=obj.account_id,
            customer_list_id=obj.customer_list_id,
            client=None,
            country=place_of(obj.customer_list).country,
            data=form.validated,
        )

    def _update(self, request: HttpRequest, obj: Customer, data: dict[str, Any]) -> None:
        customer = services.lock_customer(obj.account_id, obj.customer_list_id, obj.pk)
        if customer.anonymised:
            kept = {name: value for name, value in data.items() if name not in ANONYMISED_FIELDS}
            if kept != data:
                text = "The customer was anonymised meanwhile: personal data was not kept."
                self.message_user(request, text, messages.WARNING)
            data = kept
        country = place_of(obj.customer_list).country
        services.update_customer(customer, client=None, country=country, data=data)

    # --- anonymising --------------------------------------------------------------------

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Return the buttons; nobody is anonymised twice."""
        obj = self.get_object(request, str(object_id))
        if obj is None or obj.anonymised:
            return []
        buttons: list[Any] = super().get_actions_detail(request, object_id)
        return buttons

    @button("Anonymise", icon="person_off", permission="anonymise", danger=True)
    def anonymise(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Erase the personal data for good; the customer's id confirms it."""
        obj = pages.find(self, request, object_id)
        asked = pages.Confirmation(
            title="Anonymise this customer",
            text="Name, e-mail, phone, address and everything else that tells who this is goes "
            "for good. Cards, points and operations stay, as do city, state and country.",
            button="Anonymise",
            counts=card_counts(obj.loyalty_cards),
            typed=obj.public_id,
            write=lambda: self._anonymise(request, obj),
            done="The customer is anonymised.",
        )
        return pages.confirm(self, request, obj, asked)

    def has_anonymise_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may erase a person's data."""
        return self.may(request, "anonymise", obj)

    def _anonymise(self, request: HttpRequest, obj: Customer) -> None:
        customer = services.lock_customer(obj.account_id, obj.customer_list_id, obj.pk)
        if services.anonymise_customer(customer):
            self.audit(request, obj, "anonymised")


def _ways(lists: QuerySet[Any], term: str) -> list[tuple[str, Q]]:
    """Return how to find a customer by a term: the path from a list, and the condition."""
    ways = [
        ("customers__pk", _starts_with("customers__email_folded", term.lower())),
        ("loyalty_cards__customer_id", Q(loyalty_cards__ref=term)),
    ]
    if any(character.isdigit() for character in term):
        homes = lists.annotate(home=Coalesce("location__country", "account__country"))
        prefixes = {
            pattern.strip("*")
            for home in homes.values_list("home", flat=True).distinct()
            for pattern in phone_patterns(f"{term.strip('*')}*", home)
        }
        phones = [_starts_with("customers__phone", prefix) for prefix in sorted(prefixes)]
        ways.append(("customers__pk", reduce(or_, phones, Q(pk__in=[]))))
    return ways


def _starts_with(path: str, prefix: str) -> Q:
    # A range, because the plan of a LIKE is no use once the pattern is a parameter.
    return Q(**{f"{path}__gte": prefix, f"{path}__lt": prefix + _LAST})


def _card_table(customer: Customer) -> dict[str, Any]:
    cards: Any = customer.loyalty_cards
    add = reverse("admin:loyalty_loyaltycard_add")
    return {
        "title": "Loyalty cards",
        "links": [("Add a card", f"{add}?customer={customer.pk}")],
        "headers": ["id", "name", "ref", "balance"],
        "rows": [
            [
                link(card, card.public_id),
                short(card.name) or "(no name)",
                short(card.ref or "-"),
                plain_decimal(card.balance),
            ]
            for card in cards.order_by("pk")[:_MOST_FOUND]
        ],
    }

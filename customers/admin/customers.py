"""The back-office of customers; customers/services.py does the writing."""

from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import BooleanField, Case, Field, Q, QuerySet, Value, When
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from callbacks.models import Event
from customers import consent, services
from customers.admin.filters import (
    AnonymisedFilter,
    CardFilter,
    ConsentFilter,
    LastOrderFilter,
    PlaceFilter,
)
from customers.admin.forms import CoordinateInput, CustomerForm, CustomFieldsInput
from customers.admin.lists import card_counts, place_of
from customers.admin.masking import mask_email, mask_phone
from customers.admin.overview import tables_of
from customers.admin.search import find_customers
from customers.models import ANONYMISED_FIELDS, Customer, CustomerList
from hubcustomers.api.fields import money
from hubcustomers.backoffice import pages
from hubcustomers.backoffice.asked_again import asks_again
from hubcustomers.backoffice.display import button, cell, change_url, column, local, named
from hubcustomers.backoffice.filters import AccountFilter, CustomerListFilter
from hubcustomers.backoffice.reach import Role
from hubcustomers.backoffice.scoping import EDIT, VIEW, ScopedModelAdmin, is_key
from hubcustomers.fields import CoordinateField, ExactJSONField
from hubcustomers.public_ids import customer_ids

# What a user without the right "read" sees masked.
_MASKED = {"email": "masked_email", "phone": "masked_phone"}
# Buttons that are of no use once the customer is anonymised.
_BEFORE_ERASURE = ("reveal", "anonymise", "erase", "merge")
# The page of a customer: groups of lines of fields.
_LINES = (
    (
        _("Person"),
        (
            ("first_name", "last_name", "company_name"),
            ("email", "phone"),
            ("gender", "birth_date"),
        ),
    ),
    (
        _("Address"),
        (
            ("address_1", "address_2"),
            ("postal_code", "city"),
            ("state", "country"),
            ("latitude", "longitude"),
            ("phone_access_code",),
            ("delivery_notes",),
        ),
    ),
    (_("Marketing"), (("sms_marketing", "email_marketing"),)),
    (_("Further data (JSON)"), (("custom_fields",),)),
)


@admin.register(Customer)
class CustomerAdmin(ScopedModelAdmin):
    """Customers, under the rules of the API."""

    role_may = {
        # Who may "read" sees e-mail and phone; who may "reveal" asks for them, and it is logged.
        # "access" is giving a person all that is held on them, "erase" erasing with a proof;
        # these, "merge", and "grant", giving points to all of a list, are for pages of apps
        # further up.
        Role.MANAGER: EDIT
        | {"anonymise", "read", "access", "erase", "export", "merge", "unmerge", "grant"},
        Role.SUPPORT: VIEW | {"reveal"},
        Role.PRIVACY: VIEW | {"change", "anonymise", "read", "access", "erase"},
    }
    form = CustomerForm
    choice_ordering = ("-pk",)
    public_ids = customer_ids
    # Named for the search box to appear; ``search`` says how each is found.
    search_fields = ("phone", "email")
    search_help_text = _("Name, phone, e-mail, card ref, private ref or id")
    list_display = (
        "public_id",
        "person",
        "phone_shown",
        "email_shown",
        "list_name",
        "account",
        "created",
    )
    list_filter = (
        AccountFilter,
        PlaceFilter,
        CustomerListFilter,
        ConsentFilter,
        CardFilter,
        LastOrderFilter,
        AnonymisedFilter,
    )
    list_select_related = ("customer_list__location", "account")
    actions_detail = ("reveal", "anonymise")
    change_form_outer_after_template = "admin/hub/tables.html"

    # --- what the pages show ------------------------------------------------------------

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Return the rows in reach; ``masked`` says of which the user may not read all."""
        reach = self.reach(request, "read")
        masked: Any = Value(not reach.everything, BooleanField())
        if reach.account_ids:
            readable = When(account_id__in=sorted(reach.account_ids), then=Value(False))
            masked = Case(readable, default=Value(True))
        return super().get_queryset(request).annotate(masked=masked)

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the groups of fields; of an anonymised customer those that are left."""
        gone = ANONYMISED_FIELDS if obj is not None and obj.anonymised else ()
        head: Any = ["customer_list"] if obj is None else [self.readonly_fields]
        shown = _MASKED if obj is not None and obj.masked else {}
        groups = [
            (
                name,
                [
                    kept
                    for line in lines
                    if (kept := [shown.get(f, f) for f in line if f not in gone])
                ],
            )
            for name, lines in _LINES
        ]
        return [(None, {"fields": head})] + [
            (name, {"fields": lines}) for name, lines in groups if lines
        ]

    readonly_fields = ("public_id", "list_name", "created", "orders", "refs")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Return what nobody edits, masked values among it."""
        return (*self.readonly_fields, *_MASKED.values())

    def formfield_for_dbfield(
        self, db_field: "Field[Any, Any]", request: HttpRequest, **kwargs: Any
    ) -> Any:
        """Return the form's field; numbers and JSON stay text until the API's rules read them."""
        if isinstance(db_field, CoordinateField):
            label = capfirst(db_field.verbose_name)
            return CoordinateInput(label=label, required=False, widget=UnfoldAdminTextInputWidget())
        if isinstance(db_field, ExactJSONField):
            widget = UnfoldAdminTextareaWidget(attrs={"rows": 5})
            return CustomFieldsInput(label=_("Custom fields"), required=False, widget=widget)
        formfield = super().formfield_for_dbfield(db_field, request, **kwargs)
        if db_field.name == "delivery_notes":
            formfield.widget.attrs["rows"] = 3
        return formfield

    @column(_("id"))
    def public_id(self, obj: Customer) -> str:
        """Return the id that clients see."""
        return obj.public_id

    @column(_("name"))
    def person(self, obj: Customer) -> str:
        """Return the name, as far as it is known."""
        if obj.anonymised:
            return str(_("(anonymised)"))
        name = " ".join(part for part in (obj.first_name, obj.last_name) if part)
        return cell(name or obj.company_name or "-")

    @column(_("phone"))
    def phone_shown(self, obj: Any) -> str:
        """Return the phone number, for who may read it."""
        return self.masked_phone(obj) if obj.masked else cell(obj.phone or "-")

    @column(_("e-mail"))
    def email_shown(self, obj: Any) -> str:
        """Return the e-mail address, for who may read it."""
        return self.masked_email(obj) if obj.masked else cell(obj.email or "-")

    @column(_("phone"))
    def masked_phone(self, obj: Customer) -> str:
        """Return the number's last digits."""
        return mask_phone(obj.phone)

    @column(_("e-mail"))
    def masked_email(self, obj: Customer) -> str:
        """Return the beginnings of the address."""
        return mask_email(obj.email)

    @column(_("customer list"))
    def list_name(self, obj: Customer) -> str:
        """Return the list's name."""
        return cell(obj.customer_list.name)

    @column(_("created"))
    def created(self, obj: Customer) -> str:
        """Return when it was made, on the clocks of its place."""
        return local(obj.created_at, place_of(obj.customer_list))

    @column(_("orders"))
    def orders(self, obj: Customer) -> str:
        """Return how many orders there are, worth how much, from when to when."""
        total = money(obj.order_total, obj.account.currency)
        if not obj.nb_orders:
            return f"0, {total}"
        zone = place_of(obj.customer_list)
        first, last = local(obj.first_order_date, zone), local(obj.last_order_date, zone)
        text = _("%(count)d, %(total)s, from %(first)s to %(last)s")
        return text % {"count": obj.nb_orders, "total": total, "first": first, "last": last}

    @column(_("private refs"))
    def refs(self, obj: Customer) -> str:
        """Return what clients call the customer."""
        refs = obj.private_refs.select_related("client").order_by("client__name")
        return ", ".join(named(ref.client, ref.ref) for ref in refs) or "-"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show the customer, and what the hub holds about them."""
        obj = self.get_object(request, object_id)
        survivor = None if obj is not None else self._survivor(request, object_id)
        if survivor is not None:
            text = _("This customer was merged into the one that you see.")
            self.message_user(request, text, messages.INFO)
            return HttpResponseRedirect(change_url(survivor))
        tables = {"tables": [] if obj is None else tables_of(obj, request)}
        return super().change_view(
            request, object_id, form_url, {**(extra_context or {}), **tables}
        )

    def _survivor(self, request: HttpRequest, object_id: str) -> Customer | None:
        """Return who stands for the customer of that number, as far as it is in reach."""
        if not is_key(object_id):
            return None
        rows = Customer.with_merged.filter(pk=int(object_id), merged_into__isnull=False)
        found = rows.values_list("merged_into_id", flat=True).first()
        return None if found is None else self.get_object(request, str(found))

    # --- search -------------------------------------------------------------------------

    def search(self, request: HttpRequest, term: str) -> Q:
        """Return the condition: the public id, or what name, phone, e-mail and refs find."""
        lists = self.admin_site.get_model_admin(CustomerList).get_queryset(request)
        found = find_customers(lists, term)
        found.add(self.public_ids.decode(term.lower()) or 0)
        # Who was merged is found as the one who stands for it.
        merged = Customer.with_merged.filter(pk__in=found, merged_into__isnull=False)
        found.update(merged.values_list("merged_into_id", flat=True))
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
            source=consent.of_user(request.user),
        )

    def _update(self, request: HttpRequest, obj: Customer, data: dict[str, Any]) -> None:
        customer = services.lock_customer(obj.account_id, obj.customer_list_id, obj.pk)
        if customer.anonymised:
            kept = {name: value for name, value in data.items() if name not in ANONYMISED_FIELDS}
            if kept != data:
                text = _("The customer was anonymised meanwhile: personal data was not kept.")
                self.message_user(request, str(text), messages.WARNING)
            data = kept
        country = place_of(obj.customer_list).country
        services.update_customer(
            customer,
            client=None,
            country=country,
            data=data,
            source=consent.of_user(request.user),
        )

    # --- revealing and anonymising ------------------------------------------------------

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        """Return the buttons; nobody is anonymised twice."""
        obj = self.get_object(request, str(object_id))
        if obj is None:
            return []
        useless = set(_BEFORE_ERASURE) if obj.anonymised else set()
        if not obj.masked:
            useless.add("reveal")
        buttons: list[Any] = super().get_actions_detail(request, object_id)
        return [one for one in buttons if one.path.rpartition("/")[2] not in useless]

    @button(_("Reveal e-mail and phone"), icon="visibility", permission="reveal")
    def reveal(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Show e-mail and phone once; that this was done stays in the audit trail."""
        obj = pages.find(self, request, object_id)
        asked = pages.Confirmation(
            title=str(_("Reveal e-mail and phone")),
            text=str(_("That you looked at them is kept in the audit trail.")),
            button=str(_("Reveal")),
            write=lambda: self.audit(request, obj, "revealed", fields=list(_MASKED)),
            done="",
        )
        if request.method != "POST":
            return pages.ask(self, request, obj, asked, [])
        asked.write()
        shown = {str(_("e-mail")): obj.email or "-", str(_("phone")): obj.phone or "-"}
        return pages.private(self, request, obj, title=asked.title, values=shown)

    def has_reveal_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user sees e-mail and phone when asking for them."""
        return self.may(request, "reveal", obj)

    @button(_("Anonymise"), icon="person_off", permission="anonymise", danger=True)
    @asks_again
    def anonymise(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Erase the personal data for good; the customer's id confirms it."""
        obj = pages.find(self, request, object_id)
        asked = self.asked_to_erase(
            obj,
            write=lambda: self._anonymise(request, obj),
            done=str(_("The customer is anonymised.")),
        )
        return pages.confirm(self, request, obj, asked)

    def asked_to_erase(
        self, obj: Customer, *, write: Callable[[], Any], done: str, more: str = ""
    ) -> pages.Confirmation:
        """Return what is asked before a customer is erased.

        Args:
            obj: The customer.
            write: Erases.
            done: What is said afterwards.
            more: What else will happen.
        """
        text = _(
            "Name, e-mail, phone, address and everything else that tells who this is goes "
            "for good. Cards, points and operations stay, as do city, state and country."
        )
        return pages.Confirmation(
            title=str(_("Anonymise this customer")),
            text=f"{text} {more}".strip(),
            button=str(_("Anonymise")),
            counts=_counts_of_customer(obj),
            typed=obj.public_id,
            write=write,
            done=done,
        )

    def has_anonymise_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Return whether the user may erase a person's data."""
        return self.may(request, "anonymise", obj)

    def _anonymise(self, request: HttpRequest, obj: Customer) -> None:
        customer = services.lock_customer(obj.account_id, obj.customer_list_id, obj.pk)
        if services.anonymise_customer(customer):
            self.audit(request, obj, "anonymised")


def _counts_of_customer(customer: Customer) -> list[tuple[str, int]]:
    # The reverse relations: customers know nothing of orders and loyalty.
    related: Any = customer
    events = Event.objects.for_account(customer.account_id).filter(
        resource_type="customer", resource_id=customer.pk
    )
    orders, told = related.orders.count(), events.count()
    return [
        *card_counts(related.loyalty_cards),
        (ngettext("order", "orders", orders), orders),
        (ngettext("event", "events", told), told),
    ]

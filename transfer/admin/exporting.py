"""The buttons that export a customer list, and the operations of a card."""

from collections.abc import Iterator
from datetime import date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.utils.http import content_disposition_header
from django.utils.translation import gettext_lazy as _

from accounts.models import Client
from customers.admin.customers import CustomerAdmin
from customers.admin.lists import CustomerListAdmin, place_of
from customers.filters import CustomerFilter
from customers.models import Customer, CustomerList
from hubcustomers.backoffice import pages
from hubcustomers.backoffice.asked_again import asked_again, asks_again
from hubcustomers.backoffice.display import button
from hubcustomers.backoffice.extending import add_action, add_page
from hubcustomers.exceptions import InvalidField
from loyalty.admin import LoyaltyCardAdmin
from loyalty.models import LoyaltyCard
from transfer.admin.forms import ExportForm
from transfer.exports import Wanted, export_at_one_moment

TYPES = {"csv": "text/csv; charset=utf-8", "jsonl": "application/jsonl; charset=utf-8"}


@button(_("Export"), icon="download", permission="export")
@asks_again
def export_list(model_admin: Any, request: HttpRequest, object_id: str) -> Any:
    """Ask what is wanted, and send it as a file."""
    obj: CustomerList = pages.find(model_admin, request, object_id)
    form = ExportForm(request.POST or None, account_id=obj.account_id)
    if request.method == "POST" and form.is_valid():
        wanted = _wanted(obj, form.cleaned_data)
        try:
            CustomerFilter.read(dict(wanted.filters), country=place_of(obj).country)
        except InvalidField as error:
            for name, sentence in error.errors:
                form.add_error(name, sentence)
        else:
            model_admin.audit(request, obj, "exported")
            return _file(obj, wanted, form.cleaned_data)
    return pages.page(
        model_admin,
        request,
        obj,
        "admin/hub/form.html",
        title=_("Export"),
        form=form,
        button=_("Download"),
        text=_(
            "The file holds personal data: keep it no longer than you need it. Cells that a"
            " spreadsheet would take for a formula have an apostrophe before them."
        ),
    )


def _wanted(customer_list: CustomerList, data: dict[str, Any]) -> Wanted:
    zone = ZoneInfo(place_of(customer_list).timezone)
    client = Client.objects.filter(name=data["client"]).values_list("pk", flat=True).first()

    def begin(day: date | None) -> datetime | None:
        return None if day is None else datetime.combine(day, time(), zone)

    return Wanted(
        customer_list=customer_list,
        client_id=client or 0,
        filters={name: data[name] for name in ("email", "phone") if data[name]},
        after=begin(data["after"]),
        before=begin(data["before"]),
    )


def _file(customer_list: CustomerList, wanted: Wanted, data: dict[str, Any]) -> Any:
    kind, form = data["kind"], data["form"]
    name = f"{kind}-{customer_list.public_id}.{form}"
    return send(export_at_one_moment(kind, wanted, form), name=name, form=form)


def send(text: Iterator[str], *, name: str, form: str) -> StreamingHttpResponse:
    """Return the text as a file to keep."""
    response = StreamingHttpResponse(text, content_type=TYPES[form])
    response["Content-Disposition"] = content_disposition_header(True, name) or ""
    response["Cache-Control"] = "no-store"
    return response


@admin.action(description=_("Export as CSV"), permissions=["export"])
def export_selected(
    model_admin: Any, request: HttpRequest, queryset: QuerySet[Customer]
) -> HttpResponse | StreamingHttpResponse | None:
    """Send the customers that were selected, or all that the filters show."""
    asked = asked_again(request)
    if asked is not None:
        return asked
    lists = set(queryset.order_by().values_list("customer_list_id", flat=True).distinct()[:2])
    if len(lists) != 1:
        text = _("A file holds customers of one list: filter by customer list first.")
        model_admin.message_user(request, text, messages.ERROR)
        return None
    found = CustomerList.objects.select_related("account", "location").get(pk=lists.pop())
    model_admin.audit(request, found, "exported")
    rows = export_at_one_moment("customers", Wanted(customer_list=found, only=queryset), "csv")
    return send(rows, name=f"customers-{found.public_id}.csv", form="csv")


@button(_("Operations as a file"), icon="download", permission="export")
@asks_again
def export_card(model_admin: Any, request: HttpRequest, object_id: str) -> Any:
    """Send the card's operations as CSV."""
    card: LoyaltyCard = pages.find(model_admin, request, object_id)
    if request.method == "POST":
        model_admin.audit(request, card, "exported")
        wanted = Wanted(customer_list=card.customer_list, card_id=card.pk)
        text = export_at_one_moment("operations", wanted, "csv")
        return send(text, name=f"operations-{card.public_id}.csv", form="csv")
    return pages.page(
        model_admin,
        request,
        card,
        "admin/hub/form.html",
        title=_("Operations as a file"),
        button=_("Download"),
        text=_(
            "Every operation of the card, oldest first, as CSV. Cells that a spreadsheet would take"
            " for a formula have an apostrophe before them."
        ),
    )


add_page(CustomerListAdmin, export_list, right="export")
add_page(LoyaltyCardAdmin, export_card, right="export")
add_action(CustomerAdmin, export_selected, right="export")

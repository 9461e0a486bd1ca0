"""The page that prints as a card's statement."""

from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from django import forms
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.admin.lists import place_of
from hubcustomers.api.fields import plain_decimal
from hubcustomers.backoffice import pages
from hubcustomers.backoffice.display import button, change_url, local
from loyalty.models import LoyaltyCard
from loyalty.statements import MOST_OPERATIONS, Statement, TooLong, statement_of


class PeriodForm(forms.Form):
    """From which day to which, both included; empty for the card's first and for today."""

    begin = forms.DateField(
        label=gettext_lazy("From"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    end = forms.DateField(
        label=gettext_lazy("To"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )

    def clean(self) -> dict[str, Any]:
        """Refuse a period that ends before it begins."""
        data: dict[str, Any] = super().clean() or self.cleaned_data
        begin, end = data.get("begin"), data.get("end")
        if begin and end and end < begin:
            self.add_error("end", _("must not be before the first day"))
        return data


@button(gettext_lazy("Statement"), icon="print", permission="view")
def statement(model_admin: Any, request: HttpRequest, object_id: str) -> HttpResponse:
    """Show every operation of a period, as it is to be printed."""
    card: LoyaltyCard = pages.find(model_admin, request, object_id)
    zone = ZoneInfo(place_of(card.customer_list).timezone)
    today = timezone.now().astimezone(zone).date()
    asked = request.GET if "begin" in request.GET or "end" in request.GET else None
    form = PeriodForm(asked or {"begin": today.replace(day=1), "end": today})
    found = None
    if form.is_valid():
        begin, end = form.cleaned_data["begin"], form.cleaned_data["end"]
        try:
            found = statement_of(
                card, begin=_midnight(begin, zone), end=_midnight(end, zone, days=1)
            )
        except TooLong:
            text = _("There are more than %d operations. Choose a shorter period.")
            form.add_error(None, text % MOST_OPERATIONS)
    context = {
        "card": card,
        "form": form,
        "periods": _periods(today),
        "found": found and _readable(card, found),
        "begin": form.is_valid() and _in_words(form.cleaned_data["begin"] or _first_day(card)),
        "end": form.is_valid() and _in_words(form.cleaned_data["end"] or today),
        "today": _in_words(today),
        "back": change_url(card),
        "place": place_of(card.customer_list),
    }
    return TemplateResponse(request, "admin/hub/statement.html", context)


def _midnight(day: date | None, zone: ZoneInfo, *, days: int = 0) -> datetime | None:
    if day is None or day.year >= date.max.year:
        return None
    return datetime.combine(day + timedelta(days=days), time(), zone)


def _first_day(card: LoyaltyCard) -> date:
    zone = ZoneInfo(place_of(card.customer_list).timezone)
    return card.created_at.astimezone(zone).date()


def _in_words(day: date) -> str:
    return date_format(day, "j F Y")


def _periods(today: date) -> list[tuple[str, str]]:
    """Return the periods that are asked for most, as queries."""
    month = today.replace(day=1)
    last_month = (month - timedelta(days=1)).replace(day=1)
    return [
        (_("This month"), f"?begin={month}&end={today}"),
        (_("Last month"), f"?begin={last_month}&end={month - timedelta(days=1)}"),
        (_("This year"), f"?begin={today.replace(month=1, day=1)}&end={today}"),
        (_("Everything"), "?begin=&end="),
    ]


def _readable(card: LoyaltyCard, found: Statement) -> dict[str, Any]:
    zone = place_of(card.customer_list)
    return {
        "opening": plain_decimal(found.opening),
        "closing": plain_decimal(found.closing),
        "earned": plain_decimal(found.earned),
        "used": plain_decimal(found.used),
        "rows": [
            {
                # It may break here, as paper and telephones are narrow.
                "time": local(one.created_at, zone).replace("\u00a0", " "),
                "reason": one.reason or "-",
                "order": ""
                if one.order is None
                else f"{one.order.public_id}, {one.order.location}",
                "added": plain_decimal(one.delta) if one.delta > 0 else "",
                "removed": plain_decimal(-one.delta) if one.delta < 0 else "",
                "balance": plain_decimal(one.new_balance),
            }
            for one in found.operations
        ],
    }

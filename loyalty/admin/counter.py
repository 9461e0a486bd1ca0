"""At the counter: a card is scanned, points are typed, and the next card is scanned."""

from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext as _

from customers.models import Customer
from hubcustomers.api.fields import UNSTORABLE, plain_decimal
from hubcustomers.backoffice.display import change_url, short
from loyalty.admin.forms import PointsForm
from loyalty.models import LoyaltyCard

# Why points were posted last; most are posted for the same reason.
_REASON = "hub_points_reason"
_LONGEST = 255
# The theme hides the page until its scripts run, so that ``autofocus`` comes too early.
_FOCUS = "$nextTick(() => $el.focus())"


def find_card(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """Go to the one card of the ref or id, to several of them, or to the customers found."""
    term = request.GET.get("ref", "").strip()[:_LONGEST]
    cards = reverse("admin:loyalty_loyaltycard_changelist")
    if not term or UNSTORABLE.search(term):
        return _ask(model_admin, request)
    found = model_admin.get_queryset(request).filter(model_admin.search(request, term))
    rows = list(found.order_by("pk")[:2])
    if len(rows) == 1:
        return HttpResponseRedirect(f"{change_url(rows[0])}?counter=points")
    query = urlencode({"q": term})
    if rows:
        return HttpResponseRedirect(f"{cards}?{query}")
    if _finds_customers(model_admin, request, term):
        text = _("No card has this ref; these are the customers that were found.")
    else:
        text = _("Neither a card nor a customer was found for “%s”.") % short(term)
    model_admin.message_user(request, text, messages.WARNING)
    return HttpResponseRedirect(f"{reverse('admin:customers_customer_changelist')}?{query}")


def _finds_customers(model_admin: Any, request: HttpRequest, term: str) -> bool:
    customers: Any = model_admin.admin_site.get_model_admin(Customer)
    return bool(customers.get_queryset(request).filter(customers.search(request, term)).exists())


def _ask(model_admin: Any, request: HttpRequest) -> HttpResponse:
    """Return a page with the box alone, which a till can have as its bookmark."""
    frame = model_admin.admin_site.each_context(request)
    context = {**frame, "opts": model_admin.opts, "title": _("Find a card"), "scan_next": True}
    return TemplateResponse(request, "admin/hub/find.html", context)


def initial(request: HttpRequest, card: LoyaltyCard) -> dict[str, Any]:
    """Return what the form shows at first: the reason that was given last."""
    return {
        "seen": card.last_sequence,
        "direction": "add",
        "reason": request.session.get(_REASON, ""),
        "counter": "counter" in request.GET,
    }


def focus(request: HttpRequest, form: PointsForm) -> dict[str, Any]:
    """Put the cursor where the next key goes: the points, or the next card's ref."""
    at = request.GET.get("counter")
    if at == "points":
        form.fields["points"].widget.attrs["x-init"] = _FOCUS
    return {"at_counter": at is not None, "scan_next": at == "next"}


def focus_on_fault(form: PointsForm) -> None:
    """Put the cursor into the first field that was refused."""
    for name in [name for name in form.fields if name in form.errors][:1]:
        form.fields[name].widget.attrs["x-init"] = _FOCUS


def query(form: PointsForm) -> str:
    """Return the query of the card's page for who gives up a form that was sent from there."""
    at_counter = form.fields["counter"].to_python(form["counter"].value())
    return "?counter=points" if at_counter else ""


def after(request: HttpRequest, form: PointsForm) -> str:
    """Remember the reason; return the query of the card's page, where points are posted now."""
    request.session[_REASON] = form.cleaned_data["reason"]
    return "?counter=next" if form.cleaned_data["counter"] else ""


def told(model_admin: Any, request: HttpRequest, delta: Decimal, balance: str) -> None:
    """Tell what was posted, and the balance."""
    values = {"points": plain_decimal(abs(delta)), "balance": plain_decimal(Decimal(balance))}
    text = _("%(points)s points added. The balance is %(balance)s now.")
    if delta < 0:
        text = _("%(points)s points removed. The balance is %(balance)s now.")
    # Allowed, as orders may be cancelled late; but whoever did not mean it can void it now.
    level = messages.WARNING if delta < 0 and Decimal(balance) < 0 else messages.SUCCESS
    model_admin.message_user(request, text % values, level)

"""How the names of the hub's columns, and a few of their words, read on a page for a person."""

from typing import Any

from django.apps import apps
from django.utils.translation import gettext_lazy as _

from customers.consent import WORDS as CONSENT_SOURCES
from hubcustomers.backoffice.audit import name_for, word_for
from hubcustomers.backoffice.reach import Role

LABELS: dict[str, Any] = {
    "account": _("business"),
    "acknowledged_at": _("received on"),
    "action": _("what"),
    "address_1": _("address"),
    "address_2": _("address, second line"),
    "anonymised": _("anonymised"),
    "attempts": _("tries"),
    "attempts_made": _("tries to deliver"),
    "balance": _("balance"),
    "birth_date": _("date of birth"),
    "body": _("answer"),
    "by": _("by"),
    "card_id": _("card"),
    "cells": _("cells"),
    "changed_at": _("changed on"),
    "changed_fields": _("fields"),
    "charges": _("charges"),
    "changes": _("history"),
    "city": _("city"),
    "client": _("application"),
    "collection_code": _("collection code"),
    "company_name": _("company"),
    "confirmed_time": _("confirmed for"),
    "connection": _("application"),
    "country": _("country"),
    "coupon_codes": _("coupons"),
    "created_at": _("created on"),
    "custom_fields": _("further data"),
    "customer_list": _("customer list"),
    "customer_list_id": _("id of the customer list"),
    "customer_notes": _("your notes"),
    "customer_snapshot": _("customer at that time"),
    "deals": _("deals"),
    "delivery_notes": _("delivery notes"),
    "delta": _("points"),
    "discounts": _("discounts"),
    "due_at": _("due on"),
    "due_on": _("due on"),
    "duration_ms": _("milliseconds"),
    "email": _("e-mail"),
    "email_marketing": _("agrees to marketing by e-mail"),
    "erased_at": _("erased on"),
    "error": _("error"),
    "extended_on": _("extended on"),
    "extension_reason": _("reason of the extension"),
    "event_type": _("what happened"),
    "expected_time": _("expected at"),
    "file": _("file"),
    "first_name": _("first name"),
    "first_order_date": _("first order"),
    "flag": _("marketing by"),
    "gender": _("gender"),
    "given_up_at": _("given up on"),
    "id": _("id"),
    "items": _("items"),
    "key": _("key"),
    "last_name": _("last name"),
    "last_order_date": _("last order"),
    "latitude": _("latitude"),
    "line": _("line"),
    "location": _("location"),
    "longitude": _("longitude"),
    "name": _("name"),
    "nb_orders": _("number of orders"),
    "notes": _("notes"),
    "outcome": _("outcome"),
    "kind": _("kind"),
    "field": _("field"),
    "received_on": _("received on"),
    "searched_at": _("searched on"),
    "new_balance": _("new balance"),
    "new_state": _("message"),
    "new_value": _("new value"),
    "old_value": _("old value"),
    "order_id": _("order"),
    "order_total": _("worth of all orders"),
    "payments": _("payments"),
    "phone": _("phone"),
    "phone_access_code": _("door code"),
    "postal_code": _("postal code"),
    "previous_state": _("before"),
    "price": _("price"),
    "private_ref": _("reference"),
    "private_refs": _("references of applications"),
    "product_name": _("product"),
    "quantity": _("quantity"),
    "reason": _("reason"),
    "ref": _("reference"),
    "resource_name": _("of"),
    "resource_type": _("of what"),
    "seller_notes": _("the seller's notes"),
    "sequence": _("number"),
    "service_type": _("service"),
    "service_type_ref": _("service reference"),
    "sms_marketing": _("agrees to marketing by SMS"),
    "source": _("from where"),
    "started_at": _("time"),
    "state": _("state"),
    "status": _("status"),
    "total": _("total"),
    "updated_at": _("last changed on"),
    "voids_id": _("takes back operation"),
}
_BY = {"command line": _("command line"), "staff": _("a member of staff")}
_FLAGS = {"sms_marketing": _("SMS"), "email_marketing": _("e-mail")}


def label_of(name: str) -> str:
    """Return how a column reads; what is not known here, like a client's own, as it is."""
    return str(LABELS.get(name, name.replace("_", " ")))


def word_of(name: str, value: str) -> str:
    """Return how a value of the column reads."""
    if name == "flag":
        return str(_FLAGS.get(value, value))
    if name == "source":
        return str(CONSENT_SOURCES.get(value, value))
    if name == "action":
        return word_for(value)
    if name == "resource_name":
        return name_for(value)
    if name == "by":
        return str(Role(value).label) if value in Role.values else str(_BY.get(value, value))
    if name == "resource_type":
        return _model_name(value)
    return value


def _model_name(label: str) -> str:
    try:
        return str(apps.get_model(label)._meta.verbose_name)
    except (LookupError, ValueError):
        return label

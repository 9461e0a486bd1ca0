"""What is held on a person in customers and below: the row, refs, consent, events, answers."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.models import IdempotentAnswer
from callbacks.models import DeliveryAttempt, Event
from customers.models import ConsentChange, Customer, CustomerPrivateRef, Erasure
from customers.subject import Record, Section, audit_records, leave_out, register_section, told
from hubcustomers import exact_json
from hubcustomers.api.fields import money

_SAME_ELSEWHERE = _("Repeats what another column shows, for searching.")
_COUNTER = _("A technical counter.")


def register_holdings() -> None:
    """Register the sections, and what of these tables is not shown."""
    label = Customer._meta.label_lower
    for section in (
        Section(
            "customer",
            _("Who this is"),
            ("customers_customer",),
            _customer,
            audited=lambda customer: {label: [customer.pk]},
        ),
        Section(
            "private_refs", _("References of clients"), ("customers_customerprivateref",), _refs
        ),
        Section(
            "consent_history",
            _("Consent to marketing"),
            ("customers_consentchange",),
            _consent,
        ),
        Section("erasures", _("Erasures"), ("customers_erasure",), _erasures),
        Section(
            "events",
            _("Messages to connected applications"),
            ("callbacks_event", "callbacks_deliveryattempt"),
            lambda customer: events_about(customer, "customer", [customer.pk]),
            audited=lambda customer: audited_events(customer, "customer", [customer.pk]),
        ),
        Section(
            "kept_answers",
            _("Answers kept for repeated requests"),
            ("accounts_idempotentanswer",),
            _answers,
        ),
        Section(
            "audit_trail",
            _("What staff did"),
            ("hubcustomers_auditentry",),
            audit_records,
        ),
    ):
        register_section(section)
    leave_out(
        {
            "customers_customer.email_folded": _SAME_ELSEWHERE,
            "customers_customer.has_card": _("The cards are shown."),
            "customers_customer.version": _COUNTER,
            "customers_customerprivateref.customer_list_id": _("The list of the customer."),
            "customers_customerprivateref.customer_id": _("The customer."),
            "customers_consentchange.customer_id": _("The customer."),
            "customers_consentchange.source_name": _(
                "The name of a member of staff; of a client it is shown."
            ),
            "customers_erasure.customer_list_id": _("The list of the customer."),
            "customers_erasure.customer_id": _("The customer."),
            "customers_erasure.customer_created_at": _("When the customer was made."),
            "callbacks_event.resource_id": _("The customer or the order."),
            "callbacks_event.customer_list_id": _("The list of the customer."),
            "callbacks_event.location_id": _("The location of the order."),
            "callbacks_event.version": _COUNTER,
            "callbacks_event.leased_until": _COUNTER,
            "callbacks_deliveryattempt.event_id": _("The message."),
            "accounts_idempotentanswer.fingerprint": _COUNTER,
            "hubcustomers_auditentry.user_id": _("A member of staff; the role is shown."),
            "hubcustomers_auditentry.user_name": _("A member of staff; the role is shown."),
            "hubcustomers_auditentry.resource_id": _("The row; its name is shown."),
        }
    )


def _customer(customer: Customer) -> list[Record]:
    row = (
        Customer.with_merged.for_account(customer.account_id)
        .select_related("account", "customer_list__location")
        .get(pk=customer.pk)
    )
    total = money(row.order_total, row.account.currency)
    place = row.customer_list.location
    return [
        told(
            row,
            order_total=total,
            customer_list=row.customer_list.name,
            location=None if place is None else place.name,
            account=row.account.name,
        )
    ]


def _refs(customer: Customer) -> list[Record]:
    refs = CustomerPrivateRef.objects.for_account(customer.account_id).filter(customer=customer)
    return [told(ref) for ref in refs.select_related("client").order_by("pk")]


def _consent(customer: Customer) -> list[Record]:
    changes = ConsentChange.objects.for_account(customer.account_id).filter(customer=customer)
    return [
        told(change, **({"client": change.source_name} if change.source == "api" else {}))
        for change in changes.order_by("pk")
    ]


def _erasures(customer: Customer) -> list[Record]:
    rows = Erasure.objects.for_account(customer.account_id).filter(customer_id=customer.pk)
    return [told(row) for row in rows]


def _answers(customer: Customer) -> list[Record]:
    answers = IdempotentAnswer.objects.for_account(customer.account_id).filter(
        body__regex=f'"{customer.public_id}"'
    )
    return [
        told(
            answer, connection=str(answer.connection), body=exact_json.loads(answer.body or "null")
        )
        for answer in answers.select_related(*_CONNECTION).order_by("pk")
    ]


_CONNECTION = ("connection__client", "connection__location", "connection__account")


def events_about(customer: Customer, resource_type: str, ids: Any) -> list[Record]:
    """Return the events that tell of these rows, each with the tries to deliver it."""
    account_id = customer.account_id
    events = Event.objects.for_account(account_id).filter(
        resource_type=resource_type, resource_id__in=ids
    )
    return [
        told(
            event,
            connection=str(event.connection),
            attempts_made=[
                told(attempt)
                for attempt in DeliveryAttempt.objects.for_account(account_id)
                .filter(event=event)
                .order_by("started_at")
            ],
        )
        for event in events.select_related(*_CONNECTION).order_by("pk")
    ]


def audited_events(customer: Customer, resource_type: str, ids: Any) -> dict[str, list[int]]:
    """Return these events, of which the audit trail may tell."""
    events = Event.objects.for_account(customer.account_id).filter(
        resource_type=resource_type, resource_id__in=ids
    )
    return {Event._meta.label_lower: list(events.values_list("pk", flat=True))}

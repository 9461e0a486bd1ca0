"""What is held on a person in loyalty: each card with its operations."""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from customers.models import Customer
from customers.subject import Record, Section, leave_out, register_section, told
from loyalty.models import LoyaltyCard, LoyaltyOperation


def register_holdings() -> None:
    """Register the sections, and what of these tables is not shown."""
    register_section(
        Section(
            "loyalty_cards",
            _("Loyalty cards"),
            ("loyalty_loyaltycard",),
            _cards,
            audited=lambda customer: {
                LoyaltyCard._meta.label_lower: _card_ids(customer),
            },
        )
    )
    register_section(
        Section(
            "operations",
            _("Points earned and used"),
            ("loyalty_loyaltyoperation",),
            _operations,
            audited=lambda customer: {
                LoyaltyOperation._meta.label_lower: list(
                    _rows(customer).values_list("pk", flat=True)
                ),
            },
        )
    )
    leave_out(
        {
            "loyalty_loyaltycard.customer_id": _("The customer."),
            "loyalty_loyaltycard.customer_list_id": _("The list of the customer."),
            "loyalty_loyaltycard.last_sequence": _("A technical counter."),
        }
    )


def _card_ids(customer: Customer) -> list[int]:
    cards = LoyaltyCard.with_joined.for_account(customer.account_id).filter(customer=customer)
    return list(cards.values_list("pk", flat=True))


def _cards(customer: Customer) -> list[Record]:
    cards = LoyaltyCard.with_joined.for_account(customer.account_id).filter(customer=customer)
    return [told(card) for card in cards.order_by("pk")]


def _rows(customer: Customer) -> "QuerySet[Any]":
    return LoyaltyOperation.objects.for_account(customer.account_id).filter(
        card__in=_card_ids(customer)
    )


def _operations(customer: Customer) -> list[Record]:
    return [told(operation) for operation in _rows(customer).order_by("pk")]

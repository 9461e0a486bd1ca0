"""Filters of the customer index (spec 2.2)."""

from customers.models import Customer
from hubcustomers.api.filters import (
    Alternatives,
    Condition,
    ExactFilter,
    HubFilterSet,
    PhoneFilter,
    WildcardFilter,
)
from hubcustomers.public_ids import customer_ids


class CustomerIdFilter(ExactFilter):
    """The customer with this public id, of whom orders and cards are; a malformed one has none."""

    def conditions(self, text: str, country: str) -> Alternatives:
        """Return what a row must fulfil."""
        return [[Condition("customer_id", customer_ids.decode(text) or 0)]]


class CustomerFilter(HubFilterSet):
    """``private_ref`` exactly, among the caller's own; ``email`` and ``phone`` with stars."""

    private_ref = ExactFilter(field_name="own_ref__ref")
    email = WildcardFilter(field_name="email_folded", folded=True)
    phone = PhoneFilter(field_name="phone")

    class Meta:
        model = Customer
        fields: tuple[str, ...] = ()

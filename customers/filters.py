"""Filters of the customer index (spec 2.2)."""

from customers.models import Customer
from hubcustomers.api.filters import ExactFilter, HubFilterSet, PhoneFilter, WildcardFilter


class CustomerFilter(HubFilterSet):
    """``private_ref`` exactly, among the caller's own; ``email`` and ``phone`` with stars."""

    private_ref = ExactFilter(field_name="own_ref__ref")
    email = WildcardFilter(field_name="email_folded", folded=True)
    phone = PhoneFilter(field_name="phone")

    class Meta:
        model = Customer
        fields: tuple[str, ...] = ()

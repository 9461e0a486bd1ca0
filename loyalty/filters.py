"""Filters of the card index (spec 3.2)."""

from hubcustomers.api.filters import Alternatives, Condition, ExactFilter, HubFilterSet
from hubcustomers.public_ids import customer_ids
from loyalty.models import LoyaltyCard


class CustomerIdFilter(ExactFilter):
    """The customer with this public id; a malformed one belongs to nobody."""

    def conditions(self, text: str, country: str) -> Alternatives:
        """Return what a row must fulfil."""
        return [[Condition("customer_id", customer_ids.decode(text) or 0)]]


class LoyaltyCardFilter(HubFilterSet):
    """``name`` (also the empty one), ``ref`` and ``customer_id``, all exact."""

    name = ExactFilter()
    ref = ExactFilter()
    customer_id = CustomerIdFilter()

    class Meta:
        model = LoyaltyCard
        fields: tuple[str, ...] = ()

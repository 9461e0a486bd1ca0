"""Filters of the card index (spec 3.2)."""

from customers.filters import CustomerIdFilter
from hubcustomers.api.filters import ExactFilter, HubFilterSet
from loyalty.models import LoyaltyCard


class LoyaltyCardFilter(HubFilterSet):
    """``name`` (also the empty one), ``ref`` and ``customer_id``, all exact."""

    name = ExactFilter()
    ref = ExactFilter()
    customer_id = CustomerIdFilter()

    class Meta:
        model = LoyaltyCard
        fields: tuple[str, ...] = ()

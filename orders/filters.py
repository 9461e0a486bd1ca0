"""Filters of the order index (companion, section 8)."""

from collections.abc import Mapping
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

from customers.filters import CustomerIdFilter
from hubcustomers.api.filters import Alternatives, ExactFilter, HubFilterSet
from hubcustomers.exceptions import InvalidField
from orders.fields import read_time
from orders.models import Order

_TIMES = ("after", "before")


class OrderFilter(HubFilterSet):
    """Exact texts, a customer, and a span of creation: ``after`` inclusive, ``before`` not."""

    private_ref = ExactFilter(field_name="own_ref__ref")
    status = ExactFilter()
    created_by = ExactFilter(field_name="client__name")
    customer_id = CustomerIdFilter()
    after = ExactFilter(field_name="created_at__gte")
    before = ExactFilter(field_name="created_at__lt")

    class Meta:
        model = Order
        fields: tuple[str, ...] = ()

    @classmethod
    def read_at(cls, parameters: Mapping[str, str], zone: ZoneInfo) -> list[Alternatives]:
        """Return what the query string asks for; times without offset are the zone's.

        Raises:
            InvalidField: A filter's text cannot be compared; the parameter is named.
        """
        times = {
            name: _with_offset(name, parameters[name], zone)
            for name in _TIMES
            if name in parameters
        }
        return cls.read({**{name: parameters[name] for name in parameters}, **times})


def _with_offset(name: str, text: str, zone: ZoneInfo) -> str:
    # A plus that nobody encoded arrives as a space.
    moment = read_time(text.replace(" ", "+"), zone)
    if moment is None:
        raise InvalidField(name, "must be a time of ISO 8601, like 2020-01-18T17:15:11+01:00")
    try:
        # PostgreSQL reads no offset of sixteen hours.
        if abs(moment.utcoffset() or timedelta()) >= timedelta(hours=16):
            moment = moment.astimezone(UTC)
        return moment.isoformat()
    except (OverflowError, ValueError) as error:
        raise InvalidField(name, "must be a time of ISO 8601") from error

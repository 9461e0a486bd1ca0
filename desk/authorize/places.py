"""Where a staff user may let an application in, and the lists that it can be given there."""

from typing import Any, NamedTuple

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from accounts.models import Account, Connection, Location
from customers.models import CustomerList
from hubcustomers.api.fields import UNSTORABLE
from hubcustomers.backoffice.reach import Reach
from hubcustomers.public_ids import account_ids, parse_location_id

# More than this are searched, not looked through.
MOST = 50


class Place(NamedTuple):
    """An account, or one of its locations."""

    account: Account
    location: Location | None

    @property
    def public_id(self) -> str:
        """Return the id that clients see."""
        return (self.location or self.account).public_id

    @property
    def name(self) -> str:
        """Return the name of the location, or of the account."""
        return (self.location or self.account).name


def reach_to_grant(request: HttpRequest) -> Reach:
    """Return the accounts where the user may make connections: on this page as on the other."""
    model_admin: Any = admin.site.get_model_admin(Connection)
    reach: Reach = model_admin.reach(request, "add")
    return reach


def places(reach: Reach, level: str, *, term: str = "") -> list[Place]:
    """Return the places of the level, by name: at most one more than can be shown."""
    if UNSTORABLE.search(term):
        return []
    if level == "account":
        accounts = reach.narrow(Account.objects.filter(name__icontains=term), "id")
        return [Place(account, None) for account in accounts.order_by("name", "pk")[: MOST + 1]]
    found = Q(name__icontains=term) | Q(account__name__icontains=term)
    locations = reach.narrow(Location.objects.filter(found), "account_id")
    rows = locations.select_related("account").order_by("account__name", "name", "pk")
    return [Place(location.account, location) for location in rows[: MOST + 1]]


def find_place(reach: Reach, level: str, public_id: str) -> Place | None:
    """Return the place of that id, None where the user may not let anybody in."""
    if level == "account":
        accounts = reach.narrow(Account.objects.all(), "id")
        account = accounts.filter(pk=account_ids.decode(public_id) or 0).first()
        return account and Place(account, None)
    account_id, number = parse_location_id(public_id) or (0, 0)
    locations = reach.narrow(Location.objects.select_related("account"), "account_id")
    location = locations.filter(account_id=account_id, number=number).first()
    return location and Place(location.account, location)


def lists_at(place: Place) -> QuerySet[CustomerList]:
    """Return the lists that a token of the place could be given."""
    rows: QuerySet[CustomerList] = CustomerList.objects.for_account(place.account)
    if place.location is not None:
        rows = rows.filter(Q(location=None) | Q(location=place.location))
    return rows.select_related("location").order_by("name", "pk")

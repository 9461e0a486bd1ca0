"""Anna twice in one list, and the clients who know both of her."""

from dataclasses import dataclass

import pytest

from accounts.models import Connection
from callbacks.models import Callback, Event
from conftest import HubClient
from customers.factories import CustomerFactory
from customers.models import Customer, CustomerList
from hubcustomers.tests.desk import settle
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyCard
from orders.factories import place_order


@dataclass
class Twice:
    """One person, two customers; each has a card of the scheme "", and the other a second one."""

    anna: Customer
    annie: Customer
    card: LoyaltyCard
    other_card: LoyaltyCard
    kiosk_card: LoyaltyCard


@pytest.fixture
def twice(customer_list: CustomerList, bistro: Connection) -> Twice:
    """Anna with 12.5 points and one order, Annie with 30.25 and 7 points and two orders."""
    anna = CustomerFactory(
        customer_list=customer_list,
        first_name="Anna",
        last_name="Durand",
        email="anna@example.com",
        sms_marketing=True,
        custom_fields={"table": "4", "allergies": "nuts"},
    )
    annie = CustomerFactory(
        customer_list=customer_list,
        first_name="Annie",
        last_name="Durand",
        phone="+33612345678",
        address_1="1 rue Neuve",
        postal_code="75001",
        email_marketing=True,
        custom_fields={"table": "9", "vip": True},
    )
    card = LoyaltyCardFactory(customer=anna, ref="av-1")
    other_card = LoyaltyCardFactory(customer=annie, ref="av-2")
    kiosk_card = LoyaltyCardFactory(customer=annie, name="kiosk", ref="k-1")
    for each, points in ((card, "12.5"), (other_card, "30.25"), (kiosk_card, "7")):
        post(each, points)
    place_order(bistro, anna, price="10.00")
    place_order(bistro, annie, price="5.50")
    place_order(bistro, annie, price="4.00")
    settle()
    for one in (anna, annie):
        one.refresh_from_db()
    return Twice(anna, annie, card, other_card, kiosk_card)


def below(customer_list: CustomerList, path: str) -> str:
    """Return the path of something in the list."""
    return f"/customer_lists/{customer_list.public_id}/{path}"


def read(api: HubClient, path: str, **params: str) -> object:
    """Return the body of a successful answer."""
    r = api.get(path, **params)
    assert r.status_code == 200, r.content
    return r.json()


def listen(listener: Connection) -> Connection:
    """Let the connection hear of customers and orders."""
    Callback.objects.create(
        account=listener.account,
        connection=listener,
        events={"customer": ["create", "update"], "order": ["create", "update"]},
    )
    return listener


def told(listener: Connection) -> list[Event]:
    """Return the connection's events, oldest first."""
    return list(
        Event.objects.for_account(listener.account_id).filter(connection=listener).order_by("pk")
    )

"""The cast of the spec's examples: London, pounds, and somebody who listens."""

from typing import Any

import pytest

from accounts.factories import ConnectionFactory, LocationFactory
from accounts.models import Connection
from conftest import HubClient

EVERYTHING = {
    "customer": ["create", "update"],
    "order": ["create", "update"],
    "customer_list": ["update"],
}


@pytest.fixture
def bistro(db: None) -> Connection:
    """A till in London that counts in pounds and lives by the time of Paris, as the examples do."""
    return ConnectionFactory(account__name="Bistro", account__currency="GBP")


@pytest.fixture
def neighbour(bistro: Connection) -> HubClient:
    """The till of another location of the same account."""
    return HubClient(
        ConnectionFactory(account=bistro.account, location=LocationFactory(account=bistro.account))
    )


@pytest.fixture
def listener(bistro: Connection) -> HubClient:
    """Another client of the location, which wants to hear of everything."""
    client = HubClient(ConnectionFactory(account=bistro.account, location=bistro.location))
    assert client.post("/callback", {"events": EVERYTHING}).status_code == 200
    return client


def heard(client: HubClient) -> list[dict[str, Any]]:
    """Return the client's events with their states."""
    waiting = client.get("/callback/events").json()
    return [client.get(f"/callback/events/{event['id']}").json() for event in waiting]


def location_of(client: HubClient) -> str:
    """Return the id of the client's location."""
    return str(client.get("/location").json()["id"])


def new_list(client: HubClient, name: str = "Online customers") -> str:
    """Create a list at the client's location and return its path."""
    made = client.post("/location/customer_lists", name=name)
    assert made.status_code == 200
    return f"/customer_lists/{made.json()['id']}"

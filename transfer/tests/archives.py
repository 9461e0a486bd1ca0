"""A second, empty hub beside that of the tests, and a full account to move there."""

from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

import psycopg
from django.apps import apps
from django.db import connection
from django.utils import timezone

from accounts.factories import ConnectionFactory
from accounts.models import Client
from accounts.tokens import issue_token
from callbacks.factories import CallbackFactory
from conftest import HubClient
from customers import services
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import CustomerPrivateRef
from hubcustomers.backoffice import audit
from loyalty import ledger
from loyalty.factories import LoyaltyCardFactory, post
from orders.factories import place_order
from transfer.imports import save_mapping
from transfer.models import Pulled

HOSTILE = "tab\t line\n return\r back\\slash \\N \\. ' \" é\u202e\U0001f600"


@contextmanager
def empty_hub(name: str) -> Iterator[str]:
    """Give the name of a database that is a copy of the tests' own, which must be empty."""
    parameters = connection.get_connection_params()
    own = connection.settings_dict["NAME"]
    _leave()
    known = {
        key: parameters[key] for key in ("user", "host", "port", "password") if key in parameters
    }
    with psycopg.connect(**known, dbname="postgres", autocommit=True) as server:
        server.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
        server.execute(f'CREATE DATABASE "{name}" TEMPLATE "{own}"')
        try:
            yield name
        finally:
            server.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@contextmanager
def at(name: str) -> Iterator[None]:
    """Let everything inside happen in the database of that name."""
    own = connection.settings_dict["NAME"]
    _leave()
    connection.settings_dict["NAME"] = name
    try:
        yield
    finally:
        _leave()
        connection.settings_dict["NAME"] = own


def _leave() -> None:
    connection.close()
    connection.close_pool()


def full_account(bistro: Any) -> Any:
    """Fill the bistro's account with a row of every kind; return the account."""
    account, location = bistro.account, bistro.location
    kiosk = ConnectionFactory(account=account, client__name="Kiosk")
    issue_token(kiosk)
    CallbackFactory(connection=kiosk, events={"customer": ["create", "update"]})
    api = HubClient(bistro)
    shared = CustomerListFactory(account=account, name="Everybody é\t")
    own = CustomerListFactory(account=account, location=location)
    for customer_list in (shared, own):
        path = f"/customer_lists/{customer_list.public_id}/customers"
        made = api.post(
            path,
            private_ref=f"ref {customer_list.pk}",
            first_name=HOSTILE,
            delivery_notes=HOSTILE,
            sms_marketing=True,
            custom_fields={"deep": [HOSTILE, {"n": 1.5}]},
        )
        assert made.status_code == 200, made.content
        api.patch(f"{path}/{made.json()['id']}", sms_marketing=False, email_marketing=True)
    customer = CustomerFactory(customer_list=own, city="Paris", first_name="")
    order = place_order(bistro, customer_id=customer.public_id, private_ref="o-1", ref="A1")
    card = LoyaltyCardFactory(customer=customer, name=HOSTILE, ref="av-1")
    first = post(card, "13.5", HOSTILE)
    place = ledger.CardPlace(account.pk, own.pk, card.pk)
    ledger.post_operation(place, delta=Decimal("-13.5"), voids=first.id)
    ledger.post_operation(place, delta=Decimal("13.5"), order=ledger.OrderPlace(order.id, 1))
    services.anonymise_customer(CustomerFactory(customer_list=own, email="gone@example.com"))
    client = Client.objects.get(pk=kiosk.client_id)
    CustomerPrivateRef.objects.create(
        account=account, customer_list=own, customer=customer, client=client, ref=HOSTILE
    )
    _others(account, bistro, customer)
    Pulled.objects.create(
        account=account, source="x", kind="card", remote_id="abc12", local_id=card.pk
    )
    save_mapping(own, {"Mail": "email"})
    audit.record(None, own, "exported")
    return account


def _merged_pair(account: Any) -> list[Any]:
    """Return two customers of one list of whom the second is merged into the first."""
    customer_list = CustomerListFactory(account=account)
    survivor = CustomerFactory(customer_list=customer_list)
    return [survivor, CustomerFactory(customer_list=customer_list, merged_into=survivor)]


def _others(account: Any, bistro: Any, customer: Any) -> None:
    """Add rows of the apps above, which this one does not know."""
    apps.get_model("accounts", "ConnectionUse").objects.get_or_create(
        account=account, connection=bistro, defaults={"last_used_at": timezone.now()}
    )
    apps.get_model("desk", "ErasureCertificate").objects.create(
        account=account,
        customer_id=customer.pk,
        erased_at=timezone.now(),
        user_name="marie",
        tables=1,
        columns=1,
    )
    # A trigger writes the first line of its history.
    apps.get_model("desk", "PrivacyRequest").objects.create(
        account=account,
        kind="access",
        received_on="2026-01-31",
        customer_id=customer.pk,
        notes=HOSTILE,
        user_name="marie",
    )
    pair = _merged_pair(account)
    apps.get_model("desk", "Merge").objects.create(
        account=account,
        customer_list=customer.customer_list,
        survivor=pair[0],
        merged=pair[1],
        user_name="marie",
        changes={"first_name": [None, HOSTILE]},
        moved={"orders": [1], "between": ["abcde", "fghij"]},
    )
    apps.get_model("desk", "PossibleDuplicate").objects.create(
        account=account,
        customer_list=customer.customer_list,
        first=pair[0],
        second=pair[1],
        reasons=["phone"],
    )
    apps.get_model("desk", "RetentionRule").objects.create(account=account, months=36)

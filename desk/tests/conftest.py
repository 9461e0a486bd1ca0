"""A person of whom the hub holds something in every place where it can."""

from typing import Any

import pytest
from django.utils import timezone

from accounts.factories import ConnectionFactory
from accounts.models import Connection
from callbacks.models import Callback, DeliveryAttempt, Event
from conftest import HubClient
from customers.models import Customer, CustomerList
from hubcustomers.tests.desk import Desk, member_desk, url
from transfer.factories import JobFactory
from transfer.models import RefusedRow, StagedRow

PERSON: dict[str, Any] = {
    "private_ref": "till-ref-2213312",
    "email": "charles.moore@dummy-mail.org",
    "first_name": "Charles",
    "last_name": "Moore",
    "gender": "male",
    "birth_date": "1999-01-01",
    "company_name": "Moore & Sons",
    "phone": "+44123456789",
    "address_1": "1 avenue des Champs Elysées",
    "address_2": "2nd floor",
    "postal_code": "75001",
    "city": "Paris",
    "state": "Île-de-France",
    "country": "FR",
    "latitude": "48.8589507",
    "longitude": "2.2770205",
    "delivery_notes": 'Ring "twice"',
    "phone_access_code": "A12",
    "email_marketing": True,
    "custom_fields": {"allergies": ["nuts", "<b>milk</b>"], "score": 1.50},
}
ORDER: dict[str, Any] = {
    "status": "new",
    "private_ref": "ticket-77",
    "ref": "bill-8",
    "service_type": "delivery",
    "customer_notes": "No onions please",
    "seller_notes": "Knows the chef",
    "coupon_codes": ["SUMMER"],
    "items": [
        {
            "product_name": "Quattro stagioni",
            "price": "9.00 EUR",
            "quantity": "2",
            "options": [{"option_list_name": "Size", "name": "Large", "price": "1.00 EUR"}],
        }
    ],
    "charges": [{"name": "Delivery", "price": "2.00 EUR"}],
    "custom_fields": {"table": "7"},
    "loyalty_operations": [{"name": "", "ref": "av-33489", "delta": "4.2", "reason": "Big lunch"}],
}


@pytest.fixture
def crm(bistro: Connection) -> HubClient:
    """Another client of the bistro, which is told of everything at its address."""
    made = ConnectionFactory(account=bistro.account, account_level=True)
    events = {"customer": ["create", "update"], "order": ["create", "update"]}
    Callback.objects.create(
        account=bistro.account, connection=made, events=events, url="https://crm.example/hook"
    )
    return HubClient(made)


@pytest.fixture
def known(api: HubClient, crm: HubClient, customer_list: CustomerList) -> Customer:
    """The person; everything was done through the API and the back-office."""
    path = f"/customer_lists/{customer_list.public_id}/customers"
    headers = {"Idempotency-Key": "a key of the till"}
    made = api.request("POST", path, PERSON, headers=headers)
    assert made.status_code == 200, made.content
    customer = Customer.objects.for_account(customer_list.account).get()
    crm.patch(f"{path}/{customer.public_id}", private_ref="crm-ref-9", sms_marketing=True)
    order = {**ORDER, "customer_id": customer.public_id}
    assert api.post("/location/orders", order).status_code == 200
    _fail_to_deliver(customer)
    _import(customer)
    desk = member_desk(customer_list.account)
    desk.save(url(customer), city="Lyon")
    _void(desk, customer)
    return customer


def _fail_to_deliver(customer: Customer) -> None:
    for event in Event.objects.for_account(customer.account_id):
        DeliveryAttempt.objects.create(
            account_id=customer.account_id,
            event=event,
            started_at=timezone.now(),
            duration_ms=12,
            error="no route to crm",
        )


def _import(customer: Customer) -> None:
    job = JobFactory(customer_list=customer.customer_list, title="people of May.csv")
    for model, more in ((StagedRow, {}), (RefusedRow, {"reason": "gender is no gender"})):
        cells = ["Charles", "Moore", "charles.moore@dummy-mail.org", "a cell of the file"]
        model.objects.create(account_id=customer.account_id, job=job, line=7, cells=cells, **more)


def _void(desk: Desk, customer: Customer) -> None:
    # The reverse relations: what desk tests need of loyalty.
    card: Any = customer.loyalty_cards.get()
    page = url(card.operations.get(), "void")
    assert desk.post(page, reason="The order was a mistake").status_code == 302

"""Idempotency-Key on every POST (design section 5): done once, answered as often as asked."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext

from accounts.factories import ConnectionFactory
from accounts.models import Connection, IdempotentAnswer
from conftest import HubClient
from customers.models import Customer, CustomerList, CustomerPrivateRef
from hubcustomers.exact_json import JSONNumber
from loyalty.models import LoyaltyCard, LoyaltyOperation

KEY = "till-7-0001"
CONFLICT = [{"field": "Idempotency-Key", "message": "came with another request before"}]


def post(api: HubClient, path: str, *, key: str = KEY, **fields: object) -> HttpResponse:
    return api.request("POST", path, fields, headers={"Idempotency-Key": key})


def customers_url(customer_list: CustomerList) -> str:
    return f"/customer_lists/{customer_list.public_id}/customers"


def operations_url(card: LoyaltyCard) -> str:
    return (
        f"/customer_lists/{card.customer_list.public_id}/loyalty_cards/{card.public_id}/operations"
    )


def answers(account_connection: Connection):
    return IdempotentAnswer.objects.for_account(account_connection.account_id)


def check_replayed(first: HttpResponse, second: HttpResponse) -> None:
    assert first.status_code == second.status_code == 200
    assert second.content == first.content
    assert second["Content-Type"] == first["Content-Type"]
    assert "Idempotency-Replayed" not in first
    assert second["Idempotency-Replayed"] == "true"


# --- the same request again, on every route -----------------------------------------


def test_a_repeated_operation_credits_once(api: HubClient, card: LoyaltyCard) -> None:
    calls = [
        post(api, operations_url(card), delta="4.2", reason="Points – élevés") for _ in range(3)
    ]

    check_replayed(calls[0], calls[1])
    check_replayed(calls[0], calls[2])
    card.refresh_from_db()
    assert str(card.balance.normalize()) == "4.2"
    assert LoyaltyOperation.objects.for_account(card.account).count() == 1


def test_a_customer_is_created_once(api: HubClient, customer_list: CustomerList) -> None:
    fields = {"first_name": "Élodie", "custom_fields": {"n": JSONNumber("12345678901234567890.50")}}

    first = post(api, customers_url(customer_list), **fields)
    second = post(api, customers_url(customer_list), **fields)

    check_replayed(first, second)
    assert Customer.objects.for_account(customer_list.account).count() == 1


def test_a_card_is_created_once(api: HubClient, customer: Customer) -> None:
    url = f"/customer_lists/{customer.customer_list.public_id}/loyalty_cards"

    first = post(api, url, customer_id=customer.public_id, name="")
    second = post(api, url, customer_id=customer.public_id, name="")

    check_replayed(first, second)
    assert LoyaltyCard.objects.for_account(customer.account).count() == 1


def test_a_list_is_created_once(api: HubClient) -> None:
    first = post(api, "/location/customer_lists", name="Web")
    second = post(api, "/location/customer_lists", name="Web")

    check_replayed(first, second)


def test_anonymising_again_finds_the_answer(api: HubClient, customer: Customer) -> None:
    url = f"{customers_url(customer.customer_list)}/{customer.public_id}/anonymise"

    first = post(api, url)
    second = post(api, url)

    check_replayed(first, second)
    assert first.json()["anonymised"] is True


def test_a_repeat_shows_the_answer_of_then(api: HubClient, customer_list: CustomerList) -> None:
    first = post(api, customers_url(customer_list), first_name="Jimmy")
    api.patch(f"{customers_url(customer_list)}/{first.json()['id']}", first_name="Charles")

    check_replayed(first, post(api, customers_url(customer_list), first_name="Jimmy"))


def test_a_repeat_finds_its_answer_after_the_list_has_gone(
    api: HubClient, customer_list: CustomerList
) -> None:
    first = post(api, customers_url(customer_list))
    api.delete(f"/customer_lists/{customer_list.public_id}")

    check_replayed(first, post(api, customers_url(customer_list)))


def test_a_post_without_a_body_repeats_too(api: HubClient, customer_list: CustomerList) -> None:
    url = customers_url(customer_list)

    calls = [api.request("POST", url, raw=b"", headers={"Idempotency-Key": KEY}) for _ in range(2)]

    check_replayed(*calls)


def test_a_trailing_slash_makes_no_other_request(
    api: HubClient, customer_list: CustomerList
) -> None:
    first = post(api, customers_url(customer_list))

    check_replayed(first, post(api, f"{customers_url(customer_list)}/"))


# --- the same key, another request --------------------------------------------------


def with_another_body(api: HubClient, card: LoyaltyCard) -> HttpResponse:
    return post(api, operations_url(card), delta="4.3")


def with_other_bytes(api: HubClient, card: LoyaltyCard) -> HttpResponse:
    raw = b'{"delta":  "4.2"}'
    return api.request("POST", operations_url(card), raw=raw, headers={"Idempotency-Key": KEY})


def with_another_path(api: HubClient, card: LoyaltyCard) -> HttpResponse:
    return post(api, customers_url(card.customer_list), delta="4.2")


@pytest.mark.parametrize("other", [with_another_body, with_other_bytes, with_another_path])
def test_the_key_of_another_request_is_refused(
    api: HubClient, card: LoyaltyCard, other: Callable[..., HttpResponse]
) -> None:
    first = post(api, operations_url(card), delta="4.2")

    r = other(api, card)

    assert r.status_code == 422
    assert r.json()["errors"] == CONFLICT
    assert LoyaltyOperation.objects.for_account(card.account).count() == 1
    # The answer of the request that had the key first stays.
    check_replayed(first, post(api, operations_url(card), delta="4.2"))


def test_other_keys_are_other_requests(api: HubClient, card: LoyaltyCard) -> None:
    made = [post(api, operations_url(card), key=key, delta="1") for key in ["a", "A", "a a", "b"]]

    assert [r.json()["new_balance"] for r in made] == ["1.0", "2.0", "3.0", "4.0"]


# --- whose key it is ----------------------------------------------------------------


def test_another_connection_has_keys_of_its_own(
    api: HubClient, account_api: HubClient, rival_api: HubClient, card: LoyaltyCard
) -> None:
    assert post(api, operations_url(card), delta="1").json()["new_balance"] == "1.0"

    assert post(account_api, operations_url(card), delta="2").json()["new_balance"] == "3.0"
    # A rival learns nothing: neither the answer nor that the key is taken.
    assert post(rival_api, operations_url(card), delta="1").status_code == 404


def test_the_same_client_elsewhere_has_keys_of_its_own(
    bistro: Connection, api: HubClient, card: LoyaltyCard
) -> None:
    other = HubClient(
        ConnectionFactory(account=bistro.account, client=bistro.client, account_level=True)
    )
    post(api, operations_url(card), delta="1")

    assert post(other, operations_url(card), delta="1").json()["new_balance"] == "2.0"


def test_a_repeat_with_a_new_token_of_the_connection_finds_the_answer(
    bistro: Connection, api: HubClient, card: LoyaltyCard
) -> None:
    first = post(api, operations_url(card), delta="1")

    check_replayed(first, post(HubClient(bistro), operations_url(card), delta="1"))


def test_an_answer_needs_a_token_that_still_counts(
    bistro: Connection, api: HubClient, card: LoyaltyCard
) -> None:
    post(api, operations_url(card), delta="1")
    api.token = "revoked"

    assert post(api, operations_url(card), delta="1").status_code == 401


# --- attempts that fail -------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "status"),
    [({"delta": "much"}, 422), ({}, 422), ({"delta": "1", "order_id": "aaaaa"}, 422)],
)
def test_a_refused_attempt_leaves_the_key_free(
    api: HubClient, card: LoyaltyCard, wrong: dict[str, str], status: int
) -> None:
    refused = post(api, operations_url(card), **wrong)

    assert refused.status_code == status
    assert not answers(api.connection).exists()
    assert post(api, operations_url(card), delta="1").status_code == 200


def test_an_attempt_on_nothing_leaves_the_key_free(
    api: HubClient, customer_list: CustomerList, card: LoyaltyCard
) -> None:
    nowhere = f"/customer_lists/{customer_list.public_id}/loyalty_cards/aaaaa/operations"

    assert post(api, nowhere, delta="1").status_code == 404
    assert post(api, operations_url(card), delta="1").status_code == 200


def test_a_failure_of_ours_leaves_neither_key_nor_effect(
    api: HubClient, customer_list: CustomerList, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("customers.viewsets.reads.new_customer_row", lambda *a, **k: 1 / 0)
        assert post(api, customers_url(customer_list)).status_code == 500
    assert not answers(api.connection).exists()
    assert not Customer.objects.for_account(customer_list.account).exists()

    assert post(api, customers_url(customer_list)).status_code == 200


def test_a_refusal_by_the_database_leaves_the_key_free(
    api: HubClient, customer_list: CustomerList
) -> None:
    api.post(customers_url(customer_list), private_ref="7")

    assert post(api, customers_url(customer_list), private_ref="7").status_code == 422
    CustomerPrivateRef.objects.for_account(customer_list.account).delete()
    assert post(api, customers_url(customer_list), private_ref="7").status_code == 200


# --- the key itself -----------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "x" * 256, "clé", "tab\tin", "nul\x00", "\x7f"])
def test_a_key_that_cannot_be_kept_is_refused(api: HubClient, card: LoyaltyCard, key: str) -> None:
    r = post(api, operations_url(card), key=key, delta="1")

    assert r.status_code == 422
    assert r.json()["errors"] == [
        {"field": "Idempotency-Key", "message": "must be 1 to 255 printable ASCII characters"}
    ]
    assert not LoyaltyOperation.objects.for_account(card.account).exists()


@pytest.mark.parametrize("key", ["x", "x" * 255, '"8e03978e-40d5"', "a b ~!@#$%^&*()'\\"])
def test_every_printable_key_is_kept(api: HubClient, card: LoyaltyCard, key: str) -> None:
    first = post(api, operations_url(card), key=key, delta="1")

    check_replayed(first, post(api, operations_url(card), key=key, delta="1"))


@pytest.mark.parametrize(("hours", "balance"), [(23.9, "1.0"), (24.1, "2.0")])
def test_a_key_is_kept_for_a_day(
    api: HubClient, card: LoyaltyCard, hours: float, balance: str
) -> None:
    post(api, operations_url(card), delta="1")
    answers(api.connection).update(created_at=F("created_at") - timedelta(hours=hours))

    assert post(api, operations_url(card), delta="1").json()["new_balance"] == balance
    assert answers(api.connection).count() == 1


def test_after_a_day_another_request_may_have_the_key(api: HubClient, card: LoyaltyCard) -> None:
    post(api, operations_url(card), delta="1")
    answers(api.connection).update(created_at=F("created_at") - timedelta(days=2))

    second = post(api, operations_url(card), delta="2")

    assert second.json()["new_balance"] == "3.0"
    check_replayed(second, post(api, operations_url(card), delta="2"))


# --- what it does not touch ---------------------------------------------------------


@pytest.mark.parametrize("method", ["PATCH", "PUT", "DELETE"])
def test_a_post_that_means_another_method_needs_no_key(
    api: HubClient, customer_list: CustomerList, method: str
) -> None:
    headers = {"Idempotency-Key": KEY, "X-Http-Method-Override": method}
    url = f"/customer_lists/{customer_list.public_id}"

    for name in ("One", "Two"):
        r = api.request("POST", url, {"name": name}, headers=headers)
        assert "Idempotency-Replayed" not in r

    assert not answers(api.connection).exists()


def test_a_read_ignores_the_key(api: HubClient, customer: Customer) -> None:
    url = f"{customers_url(customer.customer_list)}/{customer.public_id}"

    for _ in range(2):
        r = api.request("GET", url, headers={"Idempotency-Key": "é" * 300})
        assert r.status_code == 200


def test_a_key_costs_two_statements_and_its_absence_none(api: HubClient, card: LoyaltyCard) -> None:
    api.post(operations_url(card), delta="1")

    with CaptureQueriesContext(connection) as without:
        api.post(operations_url(card), delta="1")
    with CaptureQueriesContext(connection) as with_key:
        post(api, operations_url(card), delta="1")

    assert not any("idempotent" in query["sql"] for query in without)
    assert len(with_key) == len(without) + 2


@pytest.mark.django_db(transaction=True)
def test_no_key_is_committed_without_its_answer(bistro: Connection) -> None:
    with pytest.raises(IntegrityError, match="needs its answer"), transaction.atomic():
        IdempotentAnswer.objects.create(
            account=bistro.account, connection=bistro, key=KEY, fingerprint=b"x" * 32
        )

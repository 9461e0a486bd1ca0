"""POST …/loyalty_cards/:id/operations (spec 4.3, companion 4 and 7)."""

from datetime import UTC, datetime

import pytest

from conftest import HubClient
from hubcustomers.public_ids import loyalty_card_ids
from loyalty.factories import post
from loyalty.models import LoyaltyCard, LoyaltyOperation

NO_DECIMAL = 'must be a decimal number in plain notation, like "13.5"'
TOO_LONG = "has more digits than are kept (14 before and 6 after the point)"


def path_of(card: LoyaltyCard) -> str:
    base = f"/customer_lists/{card.customer_list.public_id}"
    return f"{base}/loyalty_cards/{card.public_id}/operations"


def balance_of(client: HubClient, card: LoyaltyCard) -> str:
    return client.get(path_of(card).removesuffix("/operations")).json()["balance"]


def test_it_creates_the_operation_and_moves_the_balance(api: HubClient, card: LoyaltyCard) -> None:
    post(card, "13.5")

    r = api.post(path_of(card), reason="Points earned", delta="4.2")

    assert r.status_code == 200
    body = r.json()
    assert api.get(f"{path_of(card)}/{body['id']}").json() == body
    made = datetime.fromisoformat(body.pop("created_at"))
    assert abs((datetime.now(UTC) - made).total_seconds()) < 60
    del body["id"]
    assert body == {
        "customer_id": card.customer.public_id,
        "order_location_id": None,
        "order_id": None,
        "reason": "Points earned",
        "delta": "4.2",
        "new_balance": "17.7",
    }
    assert balance_of(api, card) == "17.7"


def test_the_customer_shows_the_new_balance_too(api: HubClient, card: LoyaltyCard) -> None:
    api.post(path_of(card), delta="4.2")

    base = f"/customer_lists/{card.customer_list.public_id}/customers"
    [shown] = api.get(f"{base}/{card.customer.public_id}").json()["loyalty_cards"]
    assert shown["balance"] == "4.2"


def test_an_opposite_operation_voids_one(api: HubClient, card: LoyaltyCard) -> None:
    api.post(path_of(card), delta="4.2")

    r = api.post(path_of(card), delta="-4.2", reason="Void")

    assert r.json()["delta"] == "-4.2"
    assert r.json()["new_balance"] == "0.0"
    assert len(api.get(path_of(card)).json()) == 2


@pytest.mark.parametrize("delta", ["-100", "-0.000001"])
def test_a_balance_may_fall_below_zero(api: HubClient, card: LoyaltyCard, delta: str) -> None:
    r = api.post(path_of(card), delta=delta)

    assert r.status_code == 200
    assert r.json()["new_balance"] == r.json()["delta"] == balance_of(api, card)


@pytest.mark.parametrize("delta", ["0", "0.0", "-0", "-0.000", "00"])
def test_zero_is_accepted_and_never_negative(api: HubClient, card: LoyaltyCard, delta: str) -> None:
    r = api.post(path_of(card), delta=delta)

    assert r.status_code == 200
    assert (r.json()["delta"], r.json()["new_balance"]) == ("0.0", "0.0")


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ('"4"', "4.0"),
        ("4", "4.0"),
        ('"13.50"', "13.5"),
        ("13.50", "13.5"),
        ("-2.25", "-2.25"),
        ("0.1", "0.1"),
        ("0.000001", "0.000001"),
        ('"0.000001"', "0.000001"),
        ('"007"', "7.0"),
        ("99999999999999.999999", "99999999999999.999999"),
        ('"-99999999999999.999999"', "-99999999999999.999999"),
        ("99999999999999", "99999999999999.0"),
        ("1234567890.123457", "1234567890.123457"),
    ],
)
def test_a_string_and_a_number_are_read_exactly(
    api: HubClient, card: LoyaltyCard, raw: str, shown: str
) -> None:
    r = api.request("POST", path_of(card), raw=b'{"delta": %s}' % raw.encode())

    assert r.status_code == 200
    assert (r.json()["delta"], r.json()["new_balance"]) == (shown, shown)
    assert balance_of(api, card) == shown


def test_tenths_add_up_exactly(api: HubClient, card: LoyaltyCard) -> None:
    for _ in range(10):
        r = api.request("POST", path_of(card), raw=b'{"delta": 0.1}')

    assert r.json()["new_balance"] == "1.0"


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ('"NaN"', NO_DECIMAL),
        ('"Infinity"', NO_DECIMAL),
        ('"-inf"', NO_DECIMAL),
        ('"1e2"', NO_DECIMAL),
        ("1e2", NO_DECIMAL),
        ("1E-7", NO_DECIMAL),
        ("1e400", NO_DECIMAL),
        ('" 5 "', NO_DECIMAL),
        ('"5\\n"', NO_DECIMAL),
        ('""', NO_DECIMAL),
        ('" "', NO_DECIMAL),
        ('"1_000"', NO_DECIMAL),
        ('"1,5"', NO_DECIMAL),
        ('"1 000"', NO_DECIMAL),
        ('"١٢"', NO_DECIMAL),
        ('"１２"', NO_DECIMAL),
        ('"+5"', NO_DECIMAL),
        ('"--5"', NO_DECIMAL),
        ('".5"', NO_DECIMAL),
        ('"5."', NO_DECIMAL),
        ('"-"', NO_DECIMAL),
        ('"0x10"', NO_DECIMAL),
        ('"five"', NO_DECIMAL),
        ('"\\u0000"', NO_DECIMAL),
        ('"\\ud800"', NO_DECIMAL),
        ("true", NO_DECIMAL),
        ("false", NO_DECIMAL),
        ("[]", NO_DECIMAL),
        ("[5]", NO_DECIMAL),
        ("{}", NO_DECIMAL),
        ("null", "can't be null"),
        ('"0.0000001"', TOO_LONG),
        ("0.0000001", TOO_LONG),
        ("1.1234567", TOO_LONG),
        ('"100000000000000"', TOO_LONG),
        ("100000000000000", TOO_LONG),
        ("123456789012345.0", TOO_LONG),
        ("9" * 5000, TOO_LONG),
        ("0." + "1" * 5000, TOO_LONG),
    ],
)
def test_what_is_no_delta_is_refused_and_never_rounded(
    api: HubClient, card: LoyaltyCard, raw: str, message: str
) -> None:
    r = api.request("POST", path_of(card), raw=b'{"delta": %s}' % raw.encode())

    assert r.status_code == 422
    assert r.json() == {
        "message": f"delta {message}",
        "errors": [{"field": "delta", "message": message}],
        "error_type": "unprocessable_entity",
    }
    assert api.get(path_of(card)).json() == []


@pytest.mark.parametrize("body", [{}, {"reason": "x"}])
def test_a_delta_is_required(api: HubClient, card: LoyaltyCard, body: dict) -> None:
    r = api.post(path_of(card), body)

    assert r.status_code == 422
    assert r.json()["errors"] == [{"field": "delta", "message": "is required"}]


@pytest.mark.parametrize(
    ("sign", "edge"), [("", "99999999999999.999999"), ("-", "-99999999999999.999999")]
)
def test_a_balance_out_of_its_range_is_a_fault_of_delta(
    api: HubClient, card: LoyaltyCard, sign: str, edge: str
) -> None:
    api.post(path_of(card), delta=edge)

    r = api.post(path_of(card), delta=f"{sign}0.000001")

    assert r.status_code == 422
    assert r.json()["errors"] == [
        {"field": "delta", "message": "would take the balance out of its range"}
    ]
    assert balance_of(api, card) == edge
    assert len(api.get(path_of(card)).json()) == 1


# --- reason -------------------------------------------------------------------------


@pytest.mark.parametrize("reason", ["", "  two  blanks ", "é 🍕\nline", "x" * 1000])
def test_a_reason_is_kept_as_given(api: HubClient, card: LoyaltyCard, reason: str) -> None:
    assert api.post(path_of(card), delta="1", reason=reason).json()["reason"] == reason


@pytest.mark.parametrize("body", [{}, {"reason": None}])
def test_a_reason_is_optional(api: HubClient, card: LoyaltyCard, body: dict) -> None:
    assert api.post(path_of(card), {"delta": "1", **body}).json()["reason"] is None


@pytest.mark.parametrize(
    ("reason", "message"),
    [
        (5, "must be a string"),
        ([], "must be a string"),
        ("x" * 1001, "is too long (maximum is 1000 characters)"),
        ("\x00", "contains characters that cannot be stored"),
    ],
)
def test_what_is_no_reason_is_refused(
    api: HubClient, card: LoyaltyCard, reason: object, message: str
) -> None:
    r = api.post(path_of(card), delta="1", reason=reason)

    assert r.status_code == 422
    assert r.json()["errors"] == [{"field": "reason", "message": message}]


def test_several_faults_are_reported_at_once(api: HubClient, card: LoyaltyCard) -> None:
    r = api.post(path_of(card), delta="x", reason=5, order_id=5)

    assert r.status_code == 422
    assert {error["field"] for error in r.json()["errors"]} == {"delta", "reason", "order_id"}


# --- order --------------------------------------------------------------------------


def test_no_order_is_no_fault_beside_others(api: HubClient, card: LoyaltyCard) -> None:
    r = api.post(path_of(card), delta="x", order_id="")

    assert [error["field"] for error in r.json()["errors"]] == ["delta"]


def test_an_unknown_order_is_reported_beside_other_faults(
    api: HubClient, card: LoyaltyCard
) -> None:
    r = api.post(path_of(card), delta="x", order_id="zzzzz")

    assert {error["field"] for error in r.json()["errors"]} == {"delta", "order_id"}
    known = [error for error in r.json()["errors"] if error["field"] == "order_id"]
    assert known == api.post(path_of(card), delta="1", order_id="zzzzz").json()["errors"]


@pytest.mark.parametrize("order_id", ["mapcm", "x", "é", "x" * 255])
def test_an_unknown_order_is_refused(api: HubClient, card: LoyaltyCard, order_id: str) -> None:
    r = api.post(path_of(card), delta="1", order_id=order_id)

    assert r.status_code == 422
    assert [error["field"] for error in r.json()["errors"]] == ["order_id"]
    assert balance_of(api, card) == "0.0"


@pytest.mark.parametrize("order_id", [None, ""])
def test_no_order_is_no_fault(api: HubClient, card: LoyaltyCard, order_id: str | None) -> None:
    r = api.post(path_of(card), delta="1", order_id=order_id)

    assert r.status_code == 200
    assert r.json()["order_id"] is None


# --- the rest -----------------------------------------------------------------------


def test_read_only_fields_are_ignored(api: HubClient, card: LoyaltyCard) -> None:
    r = api.post(
        path_of(card),
        delta="1",
        new_balance="99",
        customer_id="ve343",
        created_at="1999-01-01",
        sequence=9,
        id="22kmp",
    )

    assert r.json()["new_balance"] == "1.0"
    assert r.json()["customer_id"] == card.customer.public_id
    assert not r.json()["created_at"].startswith("1999")


def test_a_card_of_an_anonymised_customer_still_collects(api: HubClient, card: LoyaltyCard) -> None:
    base = f"/customer_lists/{card.customer_list.public_id}/customers"
    api.post(f"{base}/{card.customer.public_id}/anonymise")

    assert api.post(path_of(card), delta="1").json()["new_balance"] == "1.0"


@pytest.mark.parametrize("odd", ["slp8q", "x", "%00"])
def test_an_unknown_card_is_not_found(api: HubClient, card: LoyaltyCard, odd: str) -> None:
    path = path_of(card).replace(card.public_id, odd)

    assert api.post(path, delta="1").status_code == 404


def test_a_card_that_never_was_is_not_found(api: HubClient, card: LoyaltyCard) -> None:
    path = path_of(card).replace(card.public_id, loyalty_card_ids.encode(card.pk + 1000))

    assert api.post(path, delta="1").status_code == 404


def test_the_rival_posts_nothing_here(rival_api: HubClient, card: LoyaltyCard) -> None:
    r = rival_api.post(path_of(card), delta="1")

    assert r.status_code == 404
    assert not LoyaltyOperation.objects.for_account(card.account).exists()


@pytest.mark.django_db(transaction=True)
def test_deleting_the_list_deletes_cards_and_operations(api: HubClient, card: LoyaltyCard) -> None:
    api.post(path_of(card), delta="1")

    r = api.delete(f"/customer_lists/{card.customer_list.public_id}")

    assert r.status_code == 200
    assert not LoyaltyCard.objects.for_account(card.account).exists()
    assert not LoyaltyOperation.objects.for_account(card.account).exists()


def test_a_write_is_few_queries(
    api: HubClient, card: LoyaltyCard, django_assert_max_num_queries
) -> None:
    api.post(path_of(card), delta="1")

    # Savepoint, who listens, the ledger's one statement, savepoint.
    with django_assert_max_num_queries(4):
        api.post(path_of(card), delta="1")

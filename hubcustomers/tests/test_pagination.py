"""Index endpoints: count, cursor, X-Cursor-Next and their order (companion 5)."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from accounts.factories import LocationFactory
from accounts.models import Connection
from conftest import HubClient
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer, CustomerList
from hubcustomers.public_ids import cursor_ids, loyalty_operation_ids
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyCard


@dataclass
class Index:
    """One index endpoint: where it is, and how to add a row; ``add`` returns its id."""

    path: str
    add: Callable[[], str]
    newest_first: bool
    delete: Callable[[str], None] | None = None


def lists_index(api: HubClient, card: LoyaltyCard) -> Index:
    def add() -> str:
        location = card.customer_list.location
        return CustomerListFactory(account=card.account, location=location).public_id

    def delete(public_id: str) -> None:
        assert api.delete(f"/customer_lists/{public_id}").status_code == 200

    return Index("/location/customer_lists", add, newest_first=True, delete=delete)


def customers_index(api: HubClient, card: LoyaltyCard) -> Index:
    customer_list = CustomerListFactory(account=card.account)

    def add() -> str:
        return CustomerFactory(customer_list=customer_list).public_id

    def delete(public_id: str) -> None:
        rows = Customer.objects.for_account(card.account)
        rows.get(pk__in=[row.pk for row in rows if row.public_id == public_id]).delete()

    path = f"/customer_lists/{customer_list.public_id}/customers"
    return Index(path, add, newest_first=False, delete=delete)


def cards_index(api: HubClient, card: LoyaltyCard) -> Index:
    customer_list = CustomerListFactory(account=card.account)

    def add() -> str:
        return LoyaltyCardFactory(customer=CustomerFactory(customer_list=customer_list)).public_id

    path = f"/customer_lists/{customer_list.public_id}/loyalty_cards"
    return Index(path, add, newest_first=False)


def operations_index(api: HubClient, card: LoyaltyCard) -> Index:
    def add() -> str:
        return loyalty_operation_ids.encode(post(card, "1").id)

    base = f"/customer_lists/{card.customer_list.public_id}/loyalty_cards"
    return Index(f"{base}/{card.public_id}/operations", add, newest_first=True)


INDEXES = [lists_index, customers_index, cards_index, operations_index]


@pytest.fixture(params=INDEXES, ids=lambda make: make.__name__)
def index(request: pytest.FixtureRequest, api: HubClient, card: LoyaltyCard) -> Index:
    """Each index endpoint in turn."""
    return request.param(api, card)


def filled(index: Index, count: int) -> list[str]:
    """Add rows until there are so many; return all ids in the order of the index."""
    ids = [index.add() for _ in range(count)]
    return ids[::-1] if index.newest_first else ids


def page(api: HubClient, index: Index, **params: str) -> tuple[list[str], str | None]:
    r = api.get(index.path, **params)
    assert r.status_code == 200
    return [row["id"] for row in r.json()], r.get("X-Cursor-Next")


def walk(api: HubClient, index: Index, count: int) -> list[list[str]]:
    """Return the pages from the first to the last."""
    rows, cursor = page(api, index, count=str(count))
    pages = [rows]
    while cursor:
        rows, cursor = page(api, index, count=str(count), cursor=cursor)
        pages.append(rows)
    return pages


# --- pages and their order ----------------------------------------------------------


def own(api: HubClient, index: Index) -> list[str]:
    """Return the ids that were there before the test began."""
    return page(api, index)[0]


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_walking_gives_every_row_once_in_order(api: HubClient, index: Index, count: int) -> None:
    before = own(api, index)
    expected = filled(index, 7 - len(before))
    expected = expected + before if index.newest_first else before + expected

    pages = walk(api, index, count)

    assert [row for rows in pages for row in rows] == expected
    assert all(len(rows) == count for rows in pages[:-1])
    assert 1 <= len(pages[-1]) <= count


@pytest.mark.parametrize(("rows", "more"), [(2, False), (3, False), (4, True)])
def test_the_header_is_there_only_when_more_rows_are(
    api: HubClient, index: Index, rows: int, more: bool
) -> None:
    filled(index, rows - len(own(api, index)))

    r = api.get(index.path, count="3")

    assert len(r.json()) == min(rows, 3)
    assert ("X-Cursor-Next" in r) is more
    assert not more or r["X-Cursor-Next"]


def test_the_last_page_has_no_header_at_all(api: HubClient, index: Index) -> None:
    filled(index, 3)
    _, cursor = page(api, index, count="1")

    r = api.get(index.path, count="100", cursor=cursor or "")

    assert r.status_code == 200
    assert "X-Cursor-Next" not in r.headers


@pytest.mark.parametrize("count", [None, "100", "101", "1000", "9" * 18, "9" * 30, "9" * 5000])
def test_a_page_has_at_most_100_rows(api: HubClient, card: LoyaltyCard, count: str | None) -> None:
    index = operations_index(api, card)
    expected = filled(index, 102)
    params = {} if count is None else {"count": count}

    rows, cursor = page(api, index, **params)

    assert rows == expected[:100]
    assert cursor
    assert page(api, index, cursor=cursor) == (expected[100:], None)


def test_zeros_before_a_count_mean_nothing(api: HubClient, index: Index) -> None:
    filled(index, 3)

    assert len(page(api, index, count="0002")[0]) == 2


# --- what is no count and no cursor -------------------------------------------------


@pytest.mark.parametrize(
    "count",
    ["0", "-1", "00", "", " ", "x", "1.5", "1e2", "+5", " 5", "5 ", "١٢", "²", "1_0", "\x00"],
)
def test_a_bad_count_is_a_bad_request(api: HubClient, index: Index, count: str) -> None:
    r = api.get(index.path, count=count)

    assert r.status_code == 400
    assert r.json() == {
        "message": "count must be a whole number above zero.",
        "error_type": "bad_request",
    }


@pytest.mark.parametrize("cursor", ["", "x", "nonsense", "1", "é", "\x00", "a" * 500, "' or 1"])
def test_a_bad_cursor_is_a_bad_request(api: HubClient, index: Index, cursor: str) -> None:
    r = api.get(index.path, cursor=cursor)

    assert r.status_code == 400
    assert r.json() == {
        "message": "cursor is not one that a former page gave.",
        "error_type": "bad_request",
    }


@pytest.mark.parametrize("path", ["/accounts", "/locations"])
@pytest.mark.parametrize("params", [{"count": "0"}, {"cursor": "x"}])
def test_accounts_and_locations_read_them_the_same_way(
    api: HubClient, path: str, params: dict[str, str]
) -> None:
    assert api.get(path, **params).status_code == 400


def test_a_cursor_spelled_in_capitals_is_none_of_ours(api: HubClient, index: Index) -> None:
    filled(index, 3)
    _, cursor = page(api, index, count="1")

    assert api.get(index.path, cursor=(cursor or "").upper()).status_code == 400


@pytest.mark.parametrize("key", [0, 2**62, 2**63 - 1])
def test_a_cursor_beyond_every_row_is_no_failure(api: HubClient, index: Index, key: int) -> None:
    assert api.get(index.path, cursor=cursor_ids.encode(key)).status_code == 200


# --- while others write -------------------------------------------------------------


def test_rows_added_while_walking_neither_repeat_nor_hide_others(
    api: HubClient, index: Index
) -> None:
    before = own(api, index)
    there = set(filled(index, 6)) | set(before)

    rows, cursor = page(api, index, count="2")
    seen = rows
    added: list[str] = []
    for _ in range(20):
        if not cursor:
            break
        if len(added) < 3:
            added.append(index.add())
        rows, cursor = page(api, index, count="2", cursor=cursor)
        seen = seen + rows

    assert not cursor
    assert len(seen) == len(set(seen))
    assert there <= set(seen) <= there | set(added)


@pytest.mark.parametrize("make", [lists_index, customers_index])
@pytest.mark.parametrize("gone", [0, 1, 2, 3, 4])
def test_rows_deleted_while_walking_hide_no_others(
    api: HubClient, card: LoyaltyCard, make: Callable[[HubClient, LoyaltyCard], Index], gone: int
) -> None:
    index = make(api, card)
    filled(index, 6 - len(own(api, index)))
    everything = own(api, index)
    first, cursor = page(api, index, count="2")

    # Also the very row that the cursor stands on.
    index.delete(everything[gone])
    rest: list[str] = []
    while cursor:
        rows, cursor = page(api, index, count="2", cursor=cursor)
        rest += rows

    assert first + rest == [row for row in everything if row in first or row != everything[gone]]


def test_every_row_deleted_behind_the_cursor_leaves_an_empty_last_page(
    api: HubClient, card: LoyaltyCard
) -> None:
    index = customers_index(api, card)
    ids = filled(index, 3)
    _, cursor = page(api, index, count="1")
    for public_id in ids:
        index.delete(public_id)

    assert page(api, index, cursor=cursor or "") == ([], None)


# --- with filters -------------------------------------------------------------------


def test_filters_are_sent_again_with_each_cursor(
    api: HubClient, customer_list: CustomerList
) -> None:
    for number in range(9):
        CustomerFactory(customer_list=customer_list, email=f"{number}{'ab'[number % 2]}@x.org")
    index = Index(f"/customer_lists/{customer_list.public_id}/customers", str, newest_first=False)

    def emails(**params: str) -> tuple[list[str], str]:
        r = api.get(index.path, count="2", **params)
        return [row["email"] for row in r.json()], r.get("X-Cursor-Next", "")

    seen, cursor = emails(email="*a@*")
    while cursor:
        rows, cursor = emails(email="*a@*", cursor=cursor)
        seen += rows

    assert seen == ["0a@x.org", "2a@x.org", "4a@x.org", "6a@x.org", "8a@x.org"]


@pytest.mark.parametrize("filters", [{"name": ""}, {"name": "", "ref": "nothing"}])
def test_card_filters_page_the_same_way(
    api: HubClient, card: LoyaltyCard, filters: dict[str, str]
) -> None:
    index = cards_index(api, card)
    expected = filled(index, 5) if "ref" not in filters else []

    seen, cursor = page(api, index, count="2", **filters)
    while cursor:
        rows, cursor = page(api, index, count="2", cursor=cursor, **filters)
        seen += rows

    assert seen == expected


# --- locations ----------------------------------------------------------------------


def test_locations_are_walked_by_number(account_api: HubClient, bistro: Connection) -> None:
    LocationFactory.create_batch(4, account=bistro.account)
    index = Index("/locations", str, newest_first=False)

    seen = [row for rows in walk(account_api, index, 2) for row in rows]

    assert seen == [f"{bistro.account.public_id}-{number}" for number in range(1, 6)]


# --- cost ---------------------------------------------------------------------------


def test_a_page_costs_one_query_however_many_rows_it_has(
    api: HubClient, index: Index, django_assert_num_queries
) -> None:
    filled(index, 12)
    _, cursor = page(api, index, count="3")
    page(api, index, count="3", cursor=cursor or "")

    for count in ("1", "3", "12"):
        with django_assert_num_queries(1):
            page(api, index, count=count)
        with django_assert_num_queries(1):
            page(api, index, count=count, cursor=cursor or "")

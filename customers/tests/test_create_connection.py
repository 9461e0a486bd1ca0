"""manage.py create_connection: the command line contract (companion 11)."""

import json
import re
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import AccessToken, Account, Client, Connection, Location
from conftest import HubClient
from customers.models import CustomerList

KEYS = [
    "access_token",
    "client_id",
    "client_secret",
    "client_name",
    "account_id",
    "location_id",
    "customer_list_id",
    "scope",
]
pytestmark = pytest.mark.django_db


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("create_connection", *arguments, stdout=out)
    return out.getvalue()


def connect(*more: str) -> dict[str, str | None]:
    return json.loads(run("--account", "Bistro", "--client", "Till", "--json", *more))


def counted() -> list[int]:
    models = [Account, Location, Client, CustomerList, Connection, AccessToken]
    return [model._base_manager.count() for model in models]


def refusal(*arguments: str) -> str:
    before = counted()
    with pytest.raises(CommandError) as caught:
        run(*arguments)
    assert counted() == before
    return str(caught.value)


# --- what it prints -----------------------------------------------------------------


def test_json_has_exactly_these_keys() -> None:
    granted = connect("--location", "Paris")

    assert list(granted) == KEYS


def test_json_is_one_object_and_nothing_else() -> None:
    out = run("--account", "Bistro", "--client", "Till", "--json")

    assert out.count("\n") == 1
    assert isinstance(json.loads(out), dict)


def test_a_location_token_by_default_may_do_everything_there() -> None:
    granted = connect("--location", "Paris")

    location = Location.objects.get()
    assert granted["location_id"] == location.public_id == f"{granted['account_id']}-1"
    assert granted["account_id"] == Account.objects.get().public_id
    assert granted["customer_list_id"] is None
    assert granted["client_name"] == "Till"
    assert granted["scope"] == "location[orders.write,all_customer_lists.write]"


def test_without_location_the_token_is_one_of_the_account() -> None:
    granted = connect()

    assert granted["location_id"] is None
    assert granted["scope"] == "account[orders.write,all_customer_lists.write]"
    assert not Location.objects.exists()


def test_the_token_works() -> None:
    granted = connect("--location", "Paris")

    r = HubClient(token=granted["access_token"]).get("/location")

    assert r.status_code == 200
    assert r.json()["id"] == granted["location_id"]
    assert r.json()["name"] == "Paris"


def test_client_id_and_secret_are_those_of_the_client() -> None:
    granted = connect()

    client = Client.objects.get()
    assert (granted["client_id"], granted["client_secret"]) == (
        client.client_id,
        client.client_secret,
    )


def test_without_json_it_says_the_same_readably() -> None:
    out = run("--account", "Bistro", "--client", "Till")

    told = dict(re.findall(r"^(\w+):\s+(.+)$", out, re.MULTILINE))
    assert list(told) == KEYS
    assert told["client_name"] == "Till"
    assert told["location_id"] == "-"
    assert HubClient(token=told["access_token"]).get("/account").status_code == 200


# --- what it makes, and what it finds -----------------------------------------------


def test_defaults_are_french_and_in_euros() -> None:
    connect("--location", "Paris")

    account, location = Account.objects.get(), Location.objects.get()
    assert (account.name, account.currency, account.timezone, account.country) == (
        "Bistro",
        "EUR",
        "Europe/Paris",
        "FR",
    )
    assert (location.name, location.timezone, location.country) == ("Paris", "Europe/Paris", "FR")


def test_currency_time_zone_and_country_can_be_chosen() -> None:
    granted = connect(
        *("--location", "Soho", "--currency", "GBP"),
        *("--timezone", "Europe/London", "--country", "GB"),
    )

    shown = HubClient(token=granted["access_token"]).get("/location").json()
    assert shown["account"]["currency"] == "GBP"
    assert shown["timezone"]["name"] == "Europe/London"
    assert shown["country"] == "GB"


def test_same_names_mean_the_same_objects() -> None:
    arguments = ("--location", "Paris", "--customer-list", "Guests")
    first, second = connect(*arguments), connect(*arguments)

    for key in set(KEYS) - {"access_token"}:
        assert first[key] == second[key]
    assert first["access_token"] != second["access_token"]
    assert counted()[:4] == [1, 1, 1, 1]
    for granted in (first, second):
        assert HubClient(token=granted["access_token"]).get("/location").status_code == 200


def test_other_names_mean_other_objects() -> None:
    first = connect("--location", "Paris")
    second = connect("--location", "Lyon")

    assert first["account_id"] == second["account_id"]
    assert second["location_id"] == f"{first['account_id']}-2"


def test_locations_of_two_accounts_may_share_a_name() -> None:
    first = connect("--location", "Paris")
    second = json.loads(
        run("--account", "Rival", "--client", "Till", "--location", "Paris", "--json")
    )

    assert first["location_id"] != second["location_id"]
    assert first["client_id"] == second["client_id"]


def test_what_exists_keeps_its_currency_and_time_zone() -> None:
    connect("--location", "Paris")
    connect("--location", "Paris", "--currency", "GBP", "--timezone", "Asia/Tokyo")

    assert Account.objects.get().currency == "EUR"
    assert Location.objects.get().timezone == "Europe/Paris"


@pytest.mark.parametrize(
    "scope", ["location[customer_list.write,orders.read]", "location[all_customer_lists.read]"]
)
def test_a_scope_can_be_chosen(scope: str) -> None:
    granted = connect("--location", "Paris", "--scope", scope, "--customer-list", "Guests")

    assert granted["scope"] == scope
    assert Connection.objects.get().scope == scope


def test_the_chosen_list_is_made_at_the_location() -> None:
    granted = connect("--location", "Paris", "--customer-list", "Guests")

    made = CustomerList.objects.get()
    assert granted["customer_list_id"] == made.public_id
    assert (made.name, made.location) == ("Guests", Location.objects.get())
    assert Connection.objects.get().customer_list_id == made.pk


def test_without_location_the_chosen_list_is_one_of_the_account() -> None:
    connect("--customer-list", "Guests")

    assert CustomerList.objects.get().location_id is None


def test_an_account_level_list_is_found_from_a_location() -> None:
    shared = connect("--customer-list", "Guests")["customer_list_id"]

    assert connect("--location", "Paris", "--customer-list", "Guests")["customer_list_id"] == shared


def test_blanks_around_a_list_name_do_not_count() -> None:
    first = connect("--customer-list", "Guests")
    second = connect("--customer-list", "  Guests ")

    assert first["customer_list_id"] == second["customer_list_id"]


def test_a_token_for_the_chosen_list_reaches_it_alone() -> None:
    connect("--location", "Paris", "--customer-list", "Others")
    granted = connect(
        *("--location", "Paris", "--customer-list", "Guests"),
        *("--scope", "location[customer_list.write]"),
    )
    till = HubClient(token=granted["access_token"])

    assert [shown["name"] for shown in till.get("/location/customer_lists").json()] == ["Guests"]
    path = f"/customer_lists/{granted['customer_list_id']}/customers"
    assert till.post(path, first_name="Ada").status_code == 200


# --- what it refuses ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--currency", "euro"], "--currency: must be three capital letters, like EUR"),
        (["--currency", "eur"], "--currency: must be three capital letters, like EUR"),
        (["--currency", ""], "--currency: "),
        (["--timezone", "Mars/Base"], "--timezone: must be a time zone, like Europe/Paris"),
        (["--timezone", "../etc/passwd"], "--timezone: must be a time zone, like Europe/Paris"),
        (["--timezone", "x" * 65], "--timezone: "),
        (["--country", "XX"], "--country: must be a two-letter country code, like FR"),
        (["--country", "France"], "--country: "),
        (["--location", "x" * 256], "--location: "),
        (["--location", ""], "--location: "),
        (["--location", "  "], "--location: "),
        (["--customer-list", "x" * 256], "--customer-list: "),
        (["--customer-list", ""], "--customer-list: "),
        (["--customer-list", "  "], "--customer-list: "),
        (["--scope", "everything"], "--scope: must look like location["),
        (["--scope", "account[orders.sell]"], "--scope: has a permission that is not understood"),
        (["--scope", "account[]"], "--scope: must grant at least one permission"),
        (["--scope", "location[orders.read]"], "--scope: must begin with location["),
        (
            ["--location", "Paris", "--scope", "account[orders.read]"],
            "--scope: must begin with location[",
        ),
        (["--account", ""], "--account: "),
        (["--account", "  "], "--account: "),
        (["--client", "  "], "--client: "),
        (["--account", "x" * 256], "--account: "),
        (["--client", ""], "--client: "),
        (["--client", "x" * 256], "--client: "),
    ],
)
def test_a_bad_value_is_one_clear_sentence_and_nothing_is_half_written(
    arguments: list[str], said: str
) -> None:
    sentence = refusal("--account", "Bistro", "--client", "Till", *arguments)

    assert said in sentence
    assert "\n" not in sentence


def test_a_list_of_a_location_is_found_from_the_account() -> None:
    made = connect("--location", "Paris", "--customer-list", "Guests")

    found = connect("--customer-list", "Guests")

    assert found["customer_list_id"] == made["customer_list_id"]


def test_a_name_of_lists_of_several_locations_is_refused() -> None:
    for place in ("Paris", "Lyon"):
        connect("--location", place, "--customer-list", "Guests")

    sentence = refusal("--account", "Bistro", "--client", "Till", "--customer-list", "Guests")

    assert sentence == "--customer-list: is that of lists of several locations"


def test_lists_of_other_places_may_share_a_name() -> None:
    arguments = ("--location", "Paris", "--customer-list", "Guests")
    first = connect(*arguments)
    second = connect("--location", "Lyon", *arguments[2:])
    third = json.loads(run("--account", "Rival", "--client", "Till", "--json", *arguments))

    assert len({granted["customer_list_id"] for granted in (first, second, third)}) == 3


@pytest.mark.parametrize("missing", ["--account", "--client"])
def test_account_and_client_must_be_named(missing: str) -> None:
    given = {"--account": "Bistro", "--client": "Till"}
    del given[missing]

    sentence = refusal(*next(iter(given.items())))

    assert missing in sentence


def test_a_database_without_tables_is_told_in_a_sentence() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL search_path TO pg_catalog")

    with pytest.raises(CommandError, match=r"has no tables yet: run manage\.py migrate"):
        run("--account", "Bistro", "--client", "Till")

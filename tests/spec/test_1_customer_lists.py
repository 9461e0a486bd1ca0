"""Section 1, customer lists, sentence by sentence."""

import re

from conftest import HubClient
from tests.spec.conftest import heard, location_of, new_list

TAKEN = [{"field": "name", "message": "has already been taken"}]
TIME = re.compile(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+0[12]:00")


# --- 1. customer lists --------------------------------------------------------------


def test_customer_lists_exist_at_either_location_or_account_level(
    api: HubClient, account_api: HubClient
) -> None:
    here = api.post("/location/customer_lists", name="POS customers").json()
    everywhere = account_api.post("/account/customer_lists", name="Online customers").json()

    shown = {shown["id"] for shown in api.get("/location/customer_lists").json()}
    of_account = [shown["id"] for shown in account_api.get("/account/customer_lists").json()]
    assert shown == {here["id"], everywhere["id"]}
    assert of_account == [everywhere["id"]]


def test_at_the_location_level_customer_lists_are_uniquely_identified_by_their_name(
    api: HubClient, neighbour: HubClient
) -> None:
    new_list(api, "POS customers")

    again = api.post("/location/customer_lists", name="POS customers")
    elsewhere = neighbour.post("/location/customer_lists", name="POS customers")

    assert (again.status_code, again.json()["errors"]) == (422, TAKEN)
    assert elsewhere.status_code == 200


def test_an_account_level_list_cannot_have_the_name_of_another_account_level_list(
    account_api: HubClient,
) -> None:
    account_api.post("/account/customer_lists", name="Online customers")

    r = account_api.post("/account/customer_lists", name="Online customers")

    assert (r.status_code, r.json()["errors"]) == (422, TAKEN)


def test_an_account_level_list_cannot_have_the_name_of_a_location_level_list(
    api: HubClient, account_api: HubClient
) -> None:
    new_list(api, "POS customers")
    account_api.post("/account/customer_lists", name="Online customers")

    above = account_api.post("/account/customer_lists", name="POS customers")
    below = api.post("/location/customer_lists", name="Online customers")

    assert (above.status_code, above.json()["errors"]) == (422, TAKEN)
    assert (below.status_code, below.json()["errors"]) == (422, TAKEN)


# --- 1.1 retrieve -------------------------------------------------------------------


def test_1_1_returns_a_customer_list_as_in_the_example(api: HubClient) -> None:
    path = new_list(api, "Online customers")

    r = api.get(path)

    assert r.content.decode() == f'{{"id":"{path.split("/")[-1]}","name":"Online customers"}}'


def test_1_1_location_and_account_may_retrieve_it(api: HubClient, account_api: HubClient) -> None:
    path = new_list(api)

    assert api.get(path).json() == account_api.get(path).json()


# --- 1.2 list -----------------------------------------------------------------------


def test_1_2_returns_the_locations_and_the_accounts_lists_as_in_the_example(
    api: HubClient, account_api: HubClient
) -> None:
    new_list(api, "POS customers")
    account_api.post("/account/customer_lists", name="Online customers")

    r = api.get(f"/locations/{location_of(api)}/customer_lists")

    # Newest first, as the example has them.
    assert [shown["name"] for shown in r.json()] == ["Online customers", "POS customers"]
    for shown in r.json():
        assert list(shown) == ["id", "name", "created_at"]
        assert TIME.fullmatch(shown["created_at"])


def test_1_2_the_short_form_is_for_locations_only(api: HubClient, account_api: HubClient) -> None:
    new_list(api)
    long_form = f"/locations/{location_of(api)}/customer_lists"

    assert api.get("/location/customer_lists").json() == api.get(long_form).json()
    assert account_api.get(long_form).json() == api.get(long_form).json()
    assert account_api.get("/location/customer_lists").status_code == 403


def test_1_2_account_level_lists_of_an_account_are_for_accounts_only(
    api: HubClient, account_api: HubClient
) -> None:
    new_list(api, "POS customers")
    account_api.post("/account/customer_lists", name="Online customers")
    long_form = f"/accounts/{account_api.get('/account').json()['id']}/customer_lists"

    for path in ("/account/customer_lists", long_form):
        shown = account_api.get(path).json()
        assert [(list(one), one["name"]) for one in shown] == [
            (["id", "name", "created_at"], "Online customers")
        ]
        assert api.get(path).status_code == 403


# --- 1.3 create ---------------------------------------------------------------------


def test_1_3_creates_a_location_level_list_as_in_the_example(
    api: HubClient, account_api: HubClient
) -> None:
    path = f"/locations/{location_of(api)}/customer_lists"

    r = api.request("POST", path, raw=b'{\n  "name": "Web customers"\n}')
    by_account = account_api.post(path, name="POS customers")
    short = api.post("/location/customer_lists", name="Kiosk customers")

    assert r.status_code == by_account.status_code == short.status_code == 200
    assert list(r.json()) == ["id", "name"]
    assert r.json()["name"] == "Web customers"
    assert len(api.get(path).json()) == 3


def test_1_3_creates_an_account_level_list_for_accounts_only(
    api: HubClient, account_api: HubClient
) -> None:
    long_form = f"/accounts/{account_api.get('/account').json()['id']}/customer_lists"

    for path in ("/account/customer_lists", long_form):
        assert account_api.post(path, name=f"Web {path}").status_code == 200
        assert api.post(path, name="Mine").status_code == 403
    assert len(account_api.get("/account/customer_lists").json()) == 2


def test_1_3_if_a_list_with_the_same_name_already_exists_it_returns_an_error(
    api: HubClient,
) -> None:
    new_list(api, "Web customers")

    r = api.post(f"/locations/{location_of(api)}/customer_lists", name="Web customers")

    assert (r.status_code, r.json()["errors"]) == (422, TAKEN)
    assert len(api.get("/location/customer_lists").json()) == 1


# --- 1.4 update ---------------------------------------------------------------------


def test_1_4_updates_a_list_as_in_the_example(api: HubClient, account_api: HubClient) -> None:
    path = new_list(api, "Online customers")

    r = api.request("PUT", path, raw=b'{\n  "name": "New customers"\n}')

    assert (r.status_code, r.json()) == (200, api.get(path).json())
    assert r.json()["name"] == "New customers"
    assert account_api.put(path, name="Newer customers").json()["name"] == "Newer customers"


def test_1_4_if_name_is_used_by_another_list_it_returns_an_error(
    api: HubClient, account_api: HubClient
) -> None:
    path = new_list(api, "Online customers")
    new_list(api, "POS customers")
    account_api.post("/account/customer_lists", name="VIP customers")

    for name in ("POS customers", "VIP customers"):
        r = api.put(path, name=name)
        assert (r.status_code, r.json()["errors"]) == (422, TAKEN)
    assert api.get(path).json()["name"] == "Online customers"


# --- 1.5 delete ---------------------------------------------------------------------


def test_1_5_deletes_a_list_as_in_the_example(api: HubClient, account_api: HubClient) -> None:
    path, other = new_list(api, "A"), new_list(api, "B")

    r = api.delete(path)

    assert (r.status_code, r.content) == (200, b"{}")
    assert api.get(path).status_code == 404
    assert account_api.delete(other).status_code == 200
    assert api.get("/location/customer_lists").json() == []


def test_1_5_customers_and_loyalty_cards_belonging_to_the_list_are_also_deleted(
    api: HubClient,
) -> None:
    path = new_list(api)
    customer = api.post(f"{path}/customers", first_name="Jimmy").json()
    card = api.post(f"{path}/loyalty_cards", customer_id=customer["id"], name="").json()

    api.delete(path)

    assert api.get(f"{path}/customers/{customer['id']}").status_code == 404
    assert api.get(f"{path}/loyalty_cards/{card['id']}").status_code == 404
    # Nor are they in a list that takes the name over.
    again = new_list(api)
    assert api.get(f"{again}/customers").json() == []
    assert api.get(f"{again}/loyalty_cards").json() == []


def test_1_5_no_event_is_fired_in_the_process(api: HubClient, listener: HubClient) -> None:
    path = new_list(api)
    api.post(f"{path}/customers", first_name="Jimmy")
    before = heard(listener)

    api.delete(path)

    assert heard(listener) == before

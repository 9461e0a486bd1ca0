"""Who may call what: every route and method of the URL map, with every kind of token.

The tables are in ``tests/isolation.py``. Each call has the right status, shows no byte of
what its token cannot reach, and changes no row where it is not allowed to.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction
from django.http import HttpResponse
from django.urls import include, path
from django.views.generic import View
from pytest_django.plugin import DjangoDbBlocker

from accounts.viewsets import LocationViewSet
from conftest import HubClient
from hubcustomers import exact_json
from hubcustomers.urls import urlpatterns, v1
from tests.isolation import (
    EXPECTED,
    MAY_SEE,
    METHODS,
    PARAMETERS,
    REFUSED,
    ROUTES,
    STRANGERS,
    Cast,
    Data,
    api_routes,
    dump,
    leaks,
    unknown,
    url,
)

pytestmark = pytest.mark.django_db
READS = {"get", "head"}
URL_MAP = api_routes()
CELLS = [(route, method) for route, methods in URL_MAP.items() for method in sorted(methods)]


def named(*cells: tuple[str, str]) -> list[Any]:
    """Return the cells as parameters that read like ``get locations/:location_id``."""
    return [
        pytest.param(route, method, id=re.sub("<str:([a-z_]+)>", r":\1", f"{method} {route}"))
        for route, method in cells
    ]


def kind_of(route: str) -> str | None:
    return ROUTES[route].kind if route in ROUTES else None


def parameters(route: str) -> list[str]:
    return [name for name in PARAMETERS if f"<str:{name}>" in route]


@pytest.fixture(scope="module")
def cast(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Cast]:
    # Assembled once: what a test does is undone behind it.
    with django_db_blocker.unblock(), transaction.atomic():
        yield Cast.assemble()
        transaction.set_rollback(True)


@contextmanager
def undone() -> Iterator[None]:
    """Undo what the block does, once the database's last judgement on it was heard."""
    with transaction.atomic():
        yield
        with database.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        transaction.set_rollback(True)


def call(client: HubClient, route: str, method: str, data: Data, **replaced: Data) -> HttpResponse:
    known = ROUTES[route]
    body = known.bodies[method](data) if method in known.bodies else None
    return client.request(method.upper(), url(route, data, **replaced), body)


def cells(cast: Cast, kind: str, *, write: bool) -> Iterator[tuple[str, HubClient, int]]:
    """Yield each caller with the status that it should get."""
    for name, client in cast.callers.items():
        yield name, client, 401 if name in REFUSED else EXPECTED[kind][name][write]


def check_matrix(cast: Cast, route: str, method: str, kind: str, data: Data) -> None:
    write = method not in READS
    before = dump()
    wrong = []
    for name, client, status in cells(cast, kind, write=write):
        with undone():
            answer = call(client, route, method, data)
            after = dump()
        if answer.status_code != status:
            wrong.append(f"{name} got {answer.status_code} instead of {status}")
        succeeded = answer.status_code == 200
        if leaked := leaks(answer, MAY_SEE[name] if succeeded else set()):
            wrong.append(f"{name} was shown {leaked}")
        changed = {(table, account) for table, account, _ in before ^ after}
        if changed and not (succeeded and write):
            wrong.append(f"{name} changed {changed}")
        if name in STRANGERS and cast.account.pk in {account for _, account in changed}:
            wrong.append(f"{name} changed the bistro: {changed}")
        if status == 200 and write and not changed:
            wrong.append(f"{name} was told 200 and changed nothing: the body proves nothing")
    assert not wrong


@pytest.mark.parametrize("sentence", unknown() or [None])
def test_the_matrix_knows_every_route(sentence: str | None) -> None:
    assert sentence is None, sentence


def test_a_route_nobody_thought_of_fails_with_a_sentence() -> None:
    invented = [
        v1("orders/<str:order_id>", LocationViewSet, {"get": "retrieve"}),
        v1("locations/<str:location_id>", LocationViewSet, {"get": "retrieve", "put": "update"}),
        path("oauth2/", include([path("token", View.as_view())])),
        *(entry for entry in urlpatterns if str(entry.pattern) != "v1/locations/<str:location_id>"),
    ]

    sentences = unknown(invented)

    assert [sentence.split("'")[1] for sentence in sentences] == [
        "orders/<str:order_id>",
        "locations/<str:location_id>",
        "oauth2/token",
    ]
    assert "add it to ROUTES in tests/isolation.py" in sentences[0]
    assert "PUT 'locations/<str:location_id>' has no body" in sentences[1]
    assert "add it to ELSEWHERE" in sentences[2]


@pytest.mark.parametrize(("route", "method"), named(*CELLS))
def test_every_token_gets_what_it_may(cast: Cast, route: str, method: str) -> None:
    assert route in ROUTES, unknown()

    check_matrix(cast, route, method, ROUTES[route].kind, cast.data)


@pytest.mark.parametrize(
    ("route", "method"), named(*(cell for cell in CELLS if "customer_list_id" in cell[0]))
)
def test_every_token_gets_what_it_may_of_a_shared_list(cast: Cast, route: str, method: str) -> None:
    kind = ROUTES[route].kind.replace("list", "shared list")

    check_matrix(cast, route, method, kind, cast.shared)


@pytest.mark.parametrize(
    ("route", "method"),
    # A callback and the index of its events show nothing that could be planted.
    named(*(cell for cell in CELLS if cell[1] == "get" and kind_of(cell[0]) != "own callback")),
)
def test_right_tokens_see_the_data(cast: Cast, route: str, method: str) -> None:
    # Without this, answers that show nothing at all would look well isolated.
    seen = [
        name
        for name, client, status in cells(cast, ROUTES[route].kind, write=False)
        if status == 200 and leaks(call(client, route, method, cast.data), set())
    ]

    assert "till" in seen or "account" in seen


@pytest.mark.parametrize("route", URL_MAP)
def test_methods_outside_the_map_are_refused_to_everybody(cast: Cast, route: str) -> None:
    before = dump()
    for method in set(METHODS) - URL_MAP[route]:
        for name, client in cast.callers.items():
            answer = client.request(method.upper(), url(route, cast.data), {"name": "Changed"})

            assert (name, method, answer.status_code) == (name, method, 405)
            allowed = {word.strip().lower() for word in answer.headers["Allow"].split(",")}
            assert allowed >= URL_MAP[route] - {"head"}
            assert method not in allowed
            assert leaks(answer, set()) == []
    assert dump() == before


@pytest.mark.parametrize(
    ("route", "method"),
    # An account's own token reaches the orders of all its locations.
    named(
        *(
            cell
            for cell in CELLS
            if len(parameters(cell[0])) > 1 and kind_of(cell[0]) != "orders of account"
        )
    ),
)
def test_ids_of_another_list_fit_into_no_url(cast: Cast, route: str, method: str) -> None:
    before = dump()
    for foreign in [cast.shared, *cast.foreign]:
        for name in parameters(route):
            if PARAMETERS[name](foreign) == PARAMETERS[name](cast.data):
                continue
            for caller in ("till", "account"):
                client = cast.callers[caller]

                answer = call(client, route, method, cast.data, **{name: foreign})

                assert (name, caller, answer.status_code) == (name, caller, 404)
                assert leaks(answer, set()) == []
    assert dump() == before


def test_an_account_reaches_no_order_of_another(cast: Cast) -> None:
    rival = cast.foreign[-1]
    route = "account/orders/<str:order_id>"
    for form in (route, f"accounts/<str:account_id>/{route.partition('/')[2]}"):
        for caller, replaced in (("account", {"order_id": rival}), ("rival account", {})):
            answer = call(cast.callers[caller], form, "get", cast.data, **replaced)

            assert answer.status_code == 404
            assert leaks(answer, set()) == []


def test_ids_of_another_list_fit_into_no_body(cast: Cast) -> None:
    before = dump()
    for foreign in [cast.shared, *cast.foreign]:
        for caller in ("till", "account"):
            answer = cast.callers[caller].post(
                f"/customer_lists/{cast.data.customer_list.public_id}/loyalty_cards",
                customer_id=foreign.customer.public_id,
                name="kiosk",
            )

            assert answer.status_code == 422
            assert [error["field"] for error in answer.json()["errors"]] == ["customer_id"]
    assert dump() == before


@pytest.mark.parametrize(
    "filters", [{"private_ref": "qzref qzlist"}, {"phone": "*"}, {"email": "*"}]
)
def test_filters_reach_no_further_than_the_token(cast: Cast, filters: dict[str, str]) -> None:
    path = f"/customer_lists/{cast.data.customer_list.public_id}/customers"

    found = {
        name: exact_json.loads(answer.content.decode())
        for name, client in cast.callers.items()
        if (answer := client.get(path, **filters)).status_code == 200
    }

    assert {name for name, rows in found.items() if rows} == (
        # A private ref is known to the client that gave it only.
        {"till"}
        if "private_ref" in filters
        else {name for name, (read, _) in EXPECTED["in list"].items() if read == 200}
    )


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_an_overridden_method_is_judged_as_what_it_is(cast: Cast, method: str) -> None:
    before = dump()
    for name in ("reader", "rival", "this list", "orders only"):
        answer = cast.callers[name].request(
            "POST",
            f"/customer_lists/{cast.data.customer_list.public_id}",
            {"name": "Changed"},
            headers={"X-Http-Method-Override": method},
        )

        assert answer.status_code in {403, 404}
    assert dump() == before

"""The routes below ``/v1`` lead where Django's own search leads."""

import pytest
from django.urls import Resolver404, ResolverMatch, get_resolver, resolve

from hubcustomers.api.routing import api_routes

PATTERNS = [
    str(pattern.pattern)
    for pattern in get_resolver().url_patterns
    if str(pattern.pattern).startswith("v1/")
]
# What may stand in a place, though no id is like this.
VALUES = ["asdf2", "1-3", "orders", "é", "a b", "a.b", "%", "\n", "x" * 300]


def told(match: ResolverMatch) -> dict[str, object]:
    return {name: value for name, value in vars(match).items() if name != "tried"}


def filled(route: str, value: str) -> str:
    words = [value if word.startswith("<") else word for word in route.split("/")]
    return "/" + "/".join(words)


@pytest.mark.parametrize("route", PATTERNS)
def test_each_route_is_found_as_django_finds_it(route: str) -> None:
    for value in VALUES:
        path = filled(route, value)
        found = api_routes().find(path)
        assert found is not None
        assert told(found) == told(resolve(path))


@pytest.mark.parametrize("route", PATTERNS)
def test_what_is_no_route_is_none(route: str) -> None:
    path = filled(route, "asdf2")
    for wrong in (
        path[1:],
        f"/{path}",
        f"{path}/",
        f"{path}\n",
        f"{path}/nope",
        f"{path}x/y",
        path.replace("/v1", "/v2"),
        path.replace("/v1", "/V1"),
        path.replace("asdf2", ""),
    ):
        found = api_routes().find(wrong)
        try:
            expected = told(resolve(wrong))
        except Resolver404:
            assert found is None, wrong
        else:
            assert found is not None
            assert told(found) == expected, wrong


def test_all_routes_are_there() -> None:
    assert len(PATTERNS) > 25
    assert api_routes().find("/v1/nope") is None
    assert api_routes().find("/oauth2/v1/token") is None

"""Whom the hub takes a request to come from."""

from typing import Any

import pytest
from django.test import RequestFactory

from hubcustomers.client_address import client_address, network_of


def asked_from(address: str, forwarded: str | None = None) -> str:
    headers = {} if forwarded is None else {"X-Forwarded-For": forwarded}
    return client_address(RequestFactory(REMOTE_ADDR=address).get("/", headers=headers))


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:DB8::7", "2001:db8::7"),
        ("fe80::1%eth0", "fe80::1"),
        ("", ""),
        ("unix:", ""),
    ],
)
def test_without_a_proxy_it_is_who_connects(address: str, told: str) -> None:
    assert asked_from(address, "203.0.113.9") == told


@pytest.mark.parametrize(
    ("proxies", "forwarded", "told"),
    [
        (1, "203.0.113.9", "203.0.113.9"),
        # What a stranger wrote stands further left and counts for nothing.
        (1, "198.51.100.1, 203.0.113.9", "203.0.113.9"),
        (2, "198.51.100.1, 203.0.113.9, 10.0.0.1", "203.0.113.9"),
        (2, "203.0.113.9", "203.0.113.9"),
        (1, "203.0.113.9:4711", "203.0.113.9"),
        (1, "[2001:db8::7]:4711", "2001:db8::7"),
        (1, "nonsense", ""),
        (1, None, "10.0.0.2"),
    ],
)
def test_behind_proxies_it_is_whom_they_saw(
    proxies: int, forwarded: str | None, told: str, settings: Any
) -> None:
    settings.PROXIES = proxies

    assert asked_from("10.0.0.2", forwarded) == told


def test_one_stranger_has_a_whole_network_of_ipv6() -> None:
    assert network_of("2001:db8::7") == network_of("2001:db8::ffff:1") == "2001:db8::/64"
    assert network_of("192.0.2.7") == "192.0.2.7"
    assert network_of("") == ""

"""Where a request comes from."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """Return the address of who asks, "" where it is not to be told.

    Each proxy that is ours adds whom it was asked by to ``X-Forwarded-For``; whatever stands
    before that a stranger may have written.
    """
    told: str = request.META.get("REMOTE_ADDR", "")
    forwarded: str = request.META.get("HTTP_X_FORWARDED_FOR", "")
    if settings.PROXIES and forwarded:
        told = forwarded.split(",")[-settings.PROXIES :][0]
    return _plain(told)


def network_of(address: str) -> str:
    """Return what one stranger can be expected to have of it: an IPv6 host has a whole /64."""
    if ":" not in address:
        return address
    return str(ipaddress.ip_network(f"{address}/64", strict=False))


def _plain(text: str) -> str:
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        # IPv4 with a port, as some proxies write it.
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return ""
    mapped = getattr(address, "ipv4_mapped", None)
    return str(mapped or address)

"""Which addresses a callback may reach (design section 7).

A name or a number can be spelled in many ways and mean another machine a second later. So
the text of a URL is never judged: it is resolved, and what came out is judged and then
connected to, that very address and no other.
"""

import re
import socket
import threading
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any
from urllib.parse import quote, urlsplit

from django.conf import settings
from django.utils.translation import gettext_noop

from hubcustomers.exceptions import DomainError

_PORTS = {"http": 80, "https": 443}
# What no URL contains, and what parsers disagree about.
_STRANGE = re.compile(r"[\x00-\x20\x7f-\x9f\\\u2028\u2029\ud800-\udfff]")
# A name or IPv4 in any spelling, or IPv6.
_HOST = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+")
_REGISTRATION_SECONDS = 2.0

# Kinds that HUB_ALLOW_PRIVATE_CALLBACKS lets through.
_DEVELOPMENT = {"loopback", "private"}
_KINDS = {
    "0.0.0.0/8": "unspecified",
    "10.0.0.0/8": "private",
    "100.64.0.0/10": "shared (carrier-grade NAT)",
    "127.0.0.0/8": "loopback",
    # Answers to every virtual machine in Azure, from the machine's own host.
    "168.63.129.16/32": "cloud provider's internal",
    "169.254.0.0/16": "link-local",
    "172.16.0.0/12": "private",
    "192.0.0.0/24": "reserved",
    "192.0.2.0/24": "documentation",
    "192.88.99.0/24": "6to4 relay",
    "192.168.0.0/16": "private",
    "198.18.0.0/15": "benchmarking",
    "198.51.100.0/24": "documentation",
    "203.0.113.0/24": "documentation",
    "224.0.0.0/4": "multicast",
    "240.0.0.0/4": "reserved",
    "::/128": "unspecified",
    "::1/128": "loopback",
    "::/96": "IPv4-compatible",
    "::ffff:0:0:0/96": "IPv4-translated",
    "64:ff9b::/96": "NAT64",
    "64:ff9b:1::/48": "NAT64",
    "100::/64": "discard-only",
    "2001::/32": "Teredo",
    "2001::/23": "reserved",
    "2001:db8::/32": "documentation",
    "2002::/16": "6to4",
    "3fff::/20": "documentation",
    "5f00::/16": "reserved",
    "fc00::/7": "private",
    "fe80::/10": "link-local",
    "fec0::/10": "site-local",
    "ff00::/8": "multicast",
}
_NETWORKS = [(ip_network(text), kind) for text, kind in _KINDS.items()]
_GLOBAL_IPV6 = ip_network("2000::/3")


# What is said of a URL or of a name, with values in it.
_A_KIND = gettext_noop("must not lead to a {kind} address ({address})")
_AN_KIND = gettext_noop("must not lead to an {kind} address ({address})")
_NOT_FOUND = gettext_noop("the name {host} was not found")
_NOT_IN_TIME = gettext_noop("no address of {host} was found in time")
SENTENCES = (_A_KIND, _AN_KIND, _NOT_FOUND, _NOT_IN_TIME)


class UrlRefused(DomainError):
    """Nothing may be sent to this URL; the message goes on a sentence about it."""


class NameNotFound(DomainError):
    """The host's name has no address, or none was found in time."""


@dataclass(frozen=True)
class Target:
    """A URL taken apart: where to connect, and what to ask for there."""

    scheme: str
    host: str
    port: int
    path: str


# What getaddrinfo says of one address: family, and the address as connect() takes it.
Address = tuple[int, tuple[Any, ...]]


def kind_of(address: str) -> str | None:
    """Return why an address must not be reached, in a word; None where it may be."""
    ip: IPv4Address | IPv6Address = ip_address(address)
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None:
        ip = ip.ipv4_mapped
    for network, kind in _NETWORKS:
        if ip.version == network.version and ip in network:
            allowed = kind in _DEVELOPMENT and settings.CALLBACK_ALLOW_PRIVATE
            return None if allowed else kind
    if ip.version == 6 and ip not in _GLOBAL_IPV6:
        return "reserved"
    # The library's own list may know of a network that ours does not.
    return None if ip.is_global else "reserved"


def read_url(url: str) -> Target:
    """Return the parts of a URL, without asking anybody for its addresses.

    Raises:
        UrlRefused: Not http or https, with credentials, or not readable as a URL.
    """
    if _STRANGE.search(url):
        raise UrlRefused(gettext_noop("contains characters that no URL has"))
    try:
        parts = urlsplit(url)
        port = parts.port
        # Digits of other scripts become those of ASCII here, as they would when resolved.
        host = (parts.hostname or "").encode("idna").decode("ascii").lower()
    except ValueError as error:
        raise UrlRefused(gettext_noop("cannot be read as a URL")) from error
    if parts.scheme not in _PORTS:
        raise UrlRefused(gettext_noop("must begin with http:// or https://"))
    if "@" in parts.netloc:
        raise UrlRefused(gettext_noop("must not contain a user name or password"))
    if not _HOST.fullmatch(host) or port == 0:
        raise UrlRefused(gettext_noop("cannot be read as a URL"))
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~")
    query = quote(parts.query, safe="/%:@!$&'()*+,;=~?")
    return Target(
        parts.scheme, host, port or _PORTS[parts.scheme], f"{path}?{query}" if query else path
    )


def check_url(url: str) -> None:
    """Refuse a URL that nothing would be sent to.

    A name that nobody knows at the moment is no reason: it is judged again at each delivery.

    Raises:
        UrlRefused: The message says why.
    """
    target = read_url(url)
    try:
        find_addresses(target, seconds=_REGISTRATION_SECONDS)
    except NameNotFound:
        pass


def find_addresses(target: Target, *, seconds: float) -> list[Address]:
    """Return the addresses to connect to, each of them judged.

    Args:
        target: The host and its port.
        seconds: How long to wait for an answer.

    Raises:
        UrlRefused: One of the host's addresses must not be reached.
        NameNotFound: The name has no address, or none was found in time.
    """
    name = target.host.rstrip(".")
    # These mean this machine whatever a resolver says of them (RFC 6761).
    if name == "localhost" or name.endswith(".localhost"):
        _judge("127.0.0.1")
    addresses = _Lookup(target.host, target.port).wait(seconds)
    for _, address in addresses:
        _judge(str(address[0]))
    return addresses


def _judge(address: str) -> None:
    kind = kind_of(address)
    if kind is not None:
        sentence = _AN_KIND if kind[0] in "aeiouI" else _A_KIND
        raise UrlRefused(sentence.format(kind=kind, address=address))


class _Lookup:
    """One call of getaddrinfo, which nothing can interrupt, so that it can be waited for."""

    def __init__(self, host: str, port: int) -> None:
        self._asked = host, port
        self._found: list[Address] = []
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True, name="lookup")

    def _run(self) -> None:
        host, port = self._asked
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            self._found = [(family, address) for family, _, _, _, address in found]
        except (OSError, ValueError) as error:
            self._error = error

    def wait(self, seconds: float) -> list[Address]:
        if self._is_number():
            # Nobody is asked, so there is nothing to wait for.
            self._run()
        else:
            self._thread.start()
            self._thread.join(seconds)
        if self._error is not None:
            raise NameNotFound(_NOT_FOUND.format(host=self._asked[0])) from self._error
        if not self._found:
            raise NameNotFound(_NOT_IN_TIME.format(host=self._asked[0]))
        return self._found

    def _is_number(self) -> bool:
        try:
            ip_address(self._asked[0])
        except ValueError:
            return False
        return True

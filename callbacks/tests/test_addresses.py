"""The address guard (design section 7): who is never connected to, however it is spelled."""

import socket
import time
from collections.abc import Callable

import pytest

from callbacks import addresses
from callbacks.addresses import UrlRefused, check_url, find_addresses, kind_of, read_url
from callbacks.sending import Delivery
from callbacks.tests.conftest import Names
from callbacks.tests.receivers import Receiver, answer

REFUSED = """
    127.0.0.1 127.255.255.254 10.0.0.1 172.16.0.1 172.31.255.255 192.168.1.1 169.254.169.254
    0.0.0.0 0.1.2.3 100.64.0.1 100.127.255.255 192.0.0.8 192.0.0.192 192.88.99.1 198.18.0.1
    198.19.255.255 192.0.2.1 198.51.100.7 203.0.113.9 168.63.129.16 224.0.0.1 239.1.1.1
    240.0.0.1 255.255.255.255
    :: ::1 ::127.0.0.1 ::8.8.8.8 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:10.0.0.1
    ::ffff:168.63.129.16 ::ffff:0:8.8.8.8 64:ff9b::7f00:1 64:ff9b::808:808 64:ff9b:1::1
    100::1 2001::1 2001:0:7f00:1:: 2001:2::1 2001:10::1 2001:20::1 2001:db8::1 2002:7f00:1::
    2002:808:808:: 3fff::1 5f00::1 4000::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%1 fec0::1
    ff02::1 ff0e::1
""".split()
REACHABLE = """
    8.8.8.8 1.1.1.1 93.184.215.14 172.15.255.255 172.32.0.1 100.63.255.255 100.128.0.1
    168.63.129.15 198.17.255.255 223.255.255.255 ::ffff:8.8.8.8
    2600:1406:3a00:21::173e:2e65 2a00:1450:4007::1 2001:4860:4860::8888
""".split()
# Other spellings of 127.0.0.1, 0.0.0.0, 10.0.0.1 and 169.254.169.254.
SPELLINGS = """
    127.0.0.1 2130706433 0x7f.1 0x7f000001 017700000001 0177.0.0.1 127.1 127.0.1 0 0x0 0.0
    10.1 167772161 0xa9fea9fe 2852039166 0251.0376.0251.0376 localhost LOCALHOST localhost.
    shop.localhost localhost.localhost. ①②⑦.0.0.1 １２７.0.0.1 127。0。0。1 ⓛocalhost 0X7F.1
    [::1] [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:ffff:7f00:0001] [::127.0.0.1] [::]
    [0::0:1] [fe80::1] [64:ff9b::7f00:1]
""".split()


@pytest.mark.parametrize("address", REFUSED)
def test_these_addresses_are_refused(address: str) -> None:
    assert kind_of(address) is not None


@pytest.mark.parametrize("address", REACHABLE)
def test_these_may_be_reached(address: str) -> None:
    assert kind_of(address) is None


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_no_spelling_gets_past(spelling: str) -> None:
    with pytest.raises(UrlRefused, match="must not lead to"):
        check_url(f"http://{spelling}:8000/path")


@pytest.mark.parametrize("address", ["127.0.0.1", "10.0.0.1", "::1", "fd00::1", "::ffff:10.0.0.1"])
def test_development_reaches_this_machine_and_private_networks(private, address: str) -> None:
    assert kind_of(address) is None


@pytest.mark.parametrize(
    "address",
    ["169.254.169.254", "0.0.0.0", "::", "100.64.0.1", "168.63.129.16", "224.0.0.1", "fe80::1"],
)
def test_development_reaches_nothing_else(private, address: str) -> None:
    assert kind_of(address) is not None


@pytest.mark.parametrize(
    "meanings", [["127.0.0.1"], ["::1"], ["8.8.8.8", "10.0.0.1"], ["::ffff:192.168.0.1"]]
)
def test_a_name_is_what_it_resolves_to(names: Names, meanings: list[str]) -> None:
    names["shop.example"] = meanings

    with pytest.raises(UrlRefused, match="must not lead to"):
        check_url("https://shop.example/hub")


def test_a_name_that_nobody_knows_yet_may_be_registered() -> None:
    check_url("https://not-yet.example/hub")


def hang_for_a_second(*args, **kwargs) -> list:
    time.sleep(1)
    return []


def test_registration_does_not_wait_for_a_resolver_that_hangs(monkeypatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", hang_for_a_second)
    monkeypatch.setattr(addresses, "_REGISTRATION_SECONDS", 0.05)
    begin = time.monotonic()

    check_url("https://slow.example/hub")

    assert time.monotonic() - begin < 1


def test_a_name_in_another_script_is_asked_for_in_ascii(names: Names) -> None:
    names["xn--caf-dma.example"] = ["8.8.8.8"]

    target = read_url("https://Café.example/hub?naïve=é&x=%C3%A9")

    assert find_addresses(target, seconds=1) == [(socket.AF_INET, ("8.8.8.8", 443))]
    assert target.path == "/hub?na%C3%AFve=%C3%A9&x=%C3%A9"


# --- what is really connected to ----------------------------------------------------


def send(url: str) -> str | int | None:
    outcome = Delivery(url, b"{}", secret="secret").send()
    return outcome.error if outcome.status is None else outcome.status


@pytest.mark.parametrize("spelling", ["127.0.0.1", "2130706433", "127.1", "[::ffff:127.0.0.1]"])
def test_nobody_connects_to_a_private_address(
    receiver: Callable[..., Receiver], settings, spelling: str
) -> None:
    listening = receiver()
    settings.CALLBACK_ALLOW_PRIVATE = False

    assert "must not lead to a loopback address" in send(f"http://{spelling}:{listening.port}/")

    assert listening.connections == 0


def test_nobody_connects_to_a_name_that_means_one(
    receiver: Callable[..., Receiver], settings, names: Names
) -> None:
    listening = receiver()
    settings.CALLBACK_ALLOW_PRIVATE = False
    names["shop.example"] = ["93.184.215.14", "127.0.0.1"]

    assert "must not lead to" in send(f"http://shop.example:{listening.port}/")

    assert listening.connections == 0


def test_a_name_that_changes_its_answer_meanwhile_changes_nothing(
    receiver: Callable[..., Receiver], monkeypatch
) -> None:
    """The name is good when judged, and this machine whenever it is asked for again."""
    listening = receiver()
    asked: list[str] = []

    def look_up(host: str, port: int, *args, **kwargs):
        asked.append(host)
        address = "198.51.100.1" if len(asked) > 1 else "127.0.0.1"
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)

    # Judged once (in development 127.0.0.1 is good), and connected to that very answer.
    assert send(f"http://shop.example:{listening.port}/") == 200
    assert asked == ["shop.example"]
    assert listening.requests[0].headers["host"] == f"shop.example:{listening.port}"
    # From now on it means what may not be reached, and is refused though it was good before.
    assert "must not lead to" in send(f"http://shop.example:{listening.port}/")
    assert listening.connections == 1


def test_a_connection_is_made_to_the_address_that_was_judged(
    receiver: Callable[..., Receiver], settings, monkeypatch
) -> None:
    listening = receiver()
    settings.CALLBACK_ALLOW_PRIVATE = False
    settings.CALLBACK_DEADLINE_SECONDS = 0.5
    answers = iter(["93.184.215.14", "127.0.0.1", "127.0.0.1"])
    tried: list[str] = []
    real = socket.socket.connect

    def look_up(host: str, port: int, *args, **kwargs):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), port))]

    def connect(sock: socket.socket, address) -> None:
        tried.append(address[0])
        if address[0] == "127.0.0.1":
            real(sock, address)
        raise TimeoutError

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    monkeypatch.setattr(socket.socket, "connect", connect)

    send(f"http://shop.example:{listening.port}/")

    assert tried == ["93.184.215.14"]
    assert listening.connections == 0


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_an_answer_and_is_not_followed(
    receiver: Callable[..., Receiver], status: int
) -> None:
    elsewhere = receiver()
    listening = receiver(answer(status, f"Location: {elsewhere.url}"))

    assert send(listening.url) == status

    assert elsewhere.connections == 0


def test_the_next_address_is_tried_where_one_does_not_answer(
    receiver: Callable[..., Receiver], names: Names
) -> None:
    listening = receiver()
    names["shop.example"] = ["127.0.0.2", "127.0.0.1"]

    assert send(f"http://shop.example:{listening.port}/") == 200


def test_no_proxy_of_the_environment_is_asked(
    receiver: Callable[..., Receiver], monkeypatch
) -> None:
    proxy, listening = receiver(), receiver()
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")

    assert send(listening.url) == 200

    assert (proxy.connections, listening.connections) == (0, 1)

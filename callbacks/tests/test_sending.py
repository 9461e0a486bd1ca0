"""One POST to a receiver that does what it likes: deadline, limits, TLS (design section 7)."""

import datetime
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from callbacks import sending
from callbacks.sending import Delivery, Outcome
from callbacks.tests.conftest import Names
from callbacks.tests.receivers import OK, Receiver, answer

Receivers = Callable[..., Receiver]
BODY = '{"first_name": "Zoë"}'.encode()


@pytest.fixture(autouse=True)
def _half_a_second(settings) -> None:
    settings.CALLBACK_DEADLINE_SECONDS = 0.5


def send(url: str) -> Outcome:
    return Delivery(url, BODY, secret="secret").send()


def drip(data: bytes, *, every: float = 0.02) -> Callable[[socket.socket], None]:
    """Send the data byte by byte, and then again and again."""

    def run(sock: socket.socket) -> None:
        while True:
            for number in range(len(data)):
                sock.sendall(data[number : number + 1])
                time.sleep(every)

    return run


def hang_for_a_second(*args, **kwargs) -> list:
    time.sleep(1)
    return []


def hang(sock: socket.socket) -> None:
    sock.settimeout(20)
    sock.recv(1)


def test_it_posts_the_body_as_it_is(receiver: Receivers) -> None:
    listening = receiver()

    outcome = send(listening.url + "?shop=1&x=%C3%A9")

    assert outcome.status == 200
    [request] = listening.requests
    assert (request.method, request.path, request.body) == ("POST", "/hub?shop=1&x=%C3%A9", BODY)
    assert request.headers == {
        "host": f"127.0.0.1:{listening.port}",
        "accept-encoding": "identity",
        "content-length": str(len(BODY)),
        "content-type": "application/json",
        "user-agent": "hubcustomers",
        "connection": "close",
        "x-hubrise-hmac-sha256": sending.sign(BODY, "secret"),
    }


@pytest.mark.parametrize("status", [200, 201, 204, 301, 304, 400, 401, 404, 410, 429, 499])
def test_any_answer_from_200_to_499_acknowledges(receiver: Receivers, status: int) -> None:
    outcome = send(receiver(answer(status)).url)

    assert (outcome.status, outcome.error) == (status, None)
    assert outcome.is_acknowledgement


@pytest.mark.parametrize("status", [500, 502, 503, 599, 199])
def test_no_other_answer_does(receiver: Receivers, status: int) -> None:
    outcome = send(receiver(answer(status)).url)

    assert outcome.status == status
    assert not outcome.is_acknowledgement


@pytest.mark.parametrize(
    "wanted",
    [
        b"",
        b"HTTP/1.1 ",
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 2\x00\xff0 OK\r\n\r\n",
        b"\r\n" * 50,
        b"x" * 200_000,
    ],
)
def test_what_is_no_answer_is_a_failure_in_words(receiver: Receivers, wanted: bytes) -> None:
    outcome = send(receiver(wanted).url)

    assert outcome.status is None
    assert outcome.error
    assert len(outcome.error) <= 255
    assert outcome.error.isprintable()


def test_nobody_listens(receiver: Receivers) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    outcome = send(f"http://127.0.0.1:{port}/")

    assert outcome.status is None
    assert "refused" in outcome.error


@pytest.mark.parametrize(
    "wanted",
    [
        pytest.param(hang, id="says nothing"),
        pytest.param(drip(b"HTTP/1.1 200 OK\r\nX: y\r\n"), id="headers byte by byte"),
        pytest.param(drip(b"HTTP/1.1 100 Continue\r\n\r\n", every=0.001), id="continue for ever"),
    ],
)
def test_no_answer_in_time_is_none(receiver: Receivers, wanted) -> None:
    outcome = send(receiver(wanted).url)

    assert outcome.status is None
    assert outcome.error == "no answer within 0.5 seconds"
    assert 0.4 < outcome.seconds < 0.9


def test_a_body_byte_by_byte_ends_at_the_deadline_and_counts(receiver: Receivers) -> None:
    def slow(sock: socket.socket) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        drip(b"x")(sock)

    outcome = send(receiver(slow).url)

    assert outcome.is_acknowledgement
    assert 0.4 < outcome.seconds < 0.9


@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: "])
def test_an_endless_answer_is_read_up_to_64_kib(receiver: Receivers, head: bytes, settings) -> None:
    settings.CALLBACK_DEADLINE_SECONDS = 5
    sent = []

    def endless(sock: socket.socket) -> None:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        sock.sendall(head)
        while True:
            sent.append(sock.send(b"x" * 4096))

    outcome = send(receiver(endless).url)

    assert outcome.seconds < 2
    assert outcome.is_acknowledgement == (head.endswith(b"\r\n\r\n"))
    # What the kernels keep between the two comes on top.
    assert sum(sent) < 8_000_000


def test_what_is_read_counts_headers_and_body_together() -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        threading.Thread(
            target=lambda: theirs.sendall(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000), daemon=True
        ).start()
        response = sending._ShortResponse(ours)
        response.begin()

        assert len(response.read()) == 64 * 1024 - len(b"HTTP/1.1 200 OK\r\n\r\n")


def test_a_packed_answer_is_not_unpacked(receiver: Receivers) -> None:
    outcome = send(receiver(OK.replace(b"\r\n\r\n", b"\r\nContent-Encoding: gzip\r\n\r\n")).url)

    assert outcome.status == 200


def test_cookies_are_forgotten(receiver: Receivers) -> None:
    listening = receiver(answer(200, "Set-Cookie: session=1; Path=/"))

    send(listening.url)
    send(listening.url)

    assert "cookie" not in listening.requests[1].headers


def test_a_resolver_that_hangs_ends_at_the_deadline(monkeypatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", hang_for_a_second)

    outcome = send("http://slow.example/")

    assert outcome.status is None
    assert "in time" in outcome.error
    assert outcome.seconds < 1


def test_it_can_be_cut_from_outside(receiver: Receivers, settings) -> None:
    settings.CALLBACK_DEADLINE_SECONDS = 10
    delivery = Delivery(receiver(hang).url, BODY, secret="secret")
    threading.Timer(0.2, delivery.cut).start()

    outcome = delivery.send()

    assert outcome.was_cut
    assert outcome.seconds < 2


def test_what_was_answered_before_the_cut_counts(receiver: Receivers, settings) -> None:
    settings.CALLBACK_DEADLINE_SECONDS = 10

    def slow(sock: socket.socket) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n")
        hang(sock)

    delivery = Delivery(receiver(slow).url, BODY, secret="secret")
    threading.Timer(0.2, delivery.cut).start()

    outcome = delivery.send()

    assert outcome.is_acknowledgement
    assert not outcome.was_cut


def test_a_connection_attempt_can_be_cut(private, settings, monkeypatch) -> None:
    settings.CALLBACK_DEADLINE_SECONDS = 10
    # A full queue of a socket that nobody accepts from: connecting to it waits.
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(0)
        address = deaf.getsockname()
        fillers = [socket.socket() for _ in range(3)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex(address)
        delivery = Delivery(f"http://127.0.0.1:{address[1]}/", BODY, secret="secret")
        threading.Timer(0.2, delivery.cut).start()

        outcome = delivery.send()

        for filler in fillers:
            filler.close()
    assert outcome.was_cut
    assert outcome.seconds < 2


# --- TLS ----------------------------------------------------------------------------


def certificate(folder: Path, name: str) -> Path:
    """Make a certificate for the name that signs itself; return key and certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + made.public_bytes(serialization.Encoding.PEM)
    )
    return path


@pytest.fixture
def secure(private, tmp_path: Path, monkeypatch, names: Names, settings) -> Iterator[Receiver]:
    """A receiver under TLS, with a certificate for shop.example that this machine trusts."""
    settings.CALLBACK_DEADLINE_SECONDS = 2
    path = certificate(tmp_path, "shop.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    sending._tls.cache_clear()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    names["shop.example"] = names["other.example"] = ["127.0.0.1"]
    listening = Receiver(tls=context)
    yield listening
    listening.close()
    sending._tls.cache_clear()


def test_tls_is_held_against_the_host_name(secure: Receiver) -> None:
    assert send(f"https://shop.example:{secure.port}/hub").status == 200
    assert send(f"https://shop.example.:{secure.port}/hub").status is None  # no such name

    [request] = secure.requests
    assert request.headers["host"] == f"shop.example:{secure.port}"


@pytest.mark.parametrize("host", ["other.example", "127.0.0.1"])
def test_a_certificate_of_another_name_is_refused(secure: Receiver, host: str) -> None:
    outcome = send(f"https://{host}:{secure.port}/hub")

    assert outcome.status is None
    assert "certificate verify failed" in outcome.error
    assert secure.requests == []


def test_a_certificate_that_nobody_vouches_for_is_refused(secure: Receiver, monkeypatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    sending._tls.cache_clear()

    outcome = send(f"https://shop.example:{secure.port}/hub")

    assert "certificate verify failed" in outcome.error
    assert secure.requests == []


def test_an_endless_handshake_ends_at_the_deadline(receiver: Receivers, settings) -> None:
    settings.CALLBACK_DEADLINE_SECONDS = 0.5
    with socket.create_server(("127.0.0.1", 0)) as deaf:
        outcome = send(f"https://127.0.0.1:{deaf.getsockname()[1]}/")

    assert outcome.status is None
    assert 0.4 < outcome.seconds < 0.9

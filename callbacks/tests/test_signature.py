"""A client checks that an event comes from the hub and was not changed on its way."""

import hashlib
import hmac
import json
from collections.abc import Callable

import pytest

from accounts.models import Connection
from accounts.tokens import issue_token
from callbacks import claims
from callbacks.delivery import Worker
from callbacks.factories import CallbackFactory, EventFactory
from callbacks.sending import sign
from callbacks.services import send_test_event
from callbacks.tests.receivers import Receiver, Request


def is_genuine(request: Request, client_secret: str) -> bool:
    """Check a request as the documentation tells clients to, over the raw body."""
    expected = hmac.new(client_secret.encode(), request.body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected, request.headers["x-hubrise-hmac-sha256"])


def test_the_signature_is_the_known_one() -> None:
    # RFC 4231, test case 2.
    assert sign(b"what do ya want for nothing?", "Jefe") == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


@pytest.mark.django_db
def test_a_delivered_event_is_signed_with_the_clients_secret(
    bistro: Connection, rival: Connection, receiver: Callable[..., Receiver]
) -> None:
    listening = receiver()
    issue_token(bistro)
    CallbackFactory(connection=bistro, url=listening.url)
    EventFactory(connection=bistro, due_at="2020-01-01T00:00Z", new_state={"first_name": "Zoë €"})

    [claim] = claims.claim(1)
    Worker(1)._send(claim)

    [request] = listening.requests
    assert "Zoë €" in request.body.decode()
    assert is_genuine(request, bistro.client.client_secret)
    assert not is_genuine(request, rival.client.client_secret)
    request.body = request.body.replace(b"create", b"update")
    assert not is_genuine(request, bistro.client.client_secret)


@pytest.mark.django_db
def test_so_is_a_test_event(bistro: Connection, receiver: Callable[..., Receiver]) -> None:
    listening = receiver()
    CallbackFactory(connection=bistro, url=listening.url)

    outcome = send_test_event(bistro)

    assert outcome.is_acknowledgement
    [request] = listening.requests
    assert is_genuine(request, bistro.client.client_secret)
    assert json.loads(request.body)["resource_type"] == "test"

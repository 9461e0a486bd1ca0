"""The programs in examples/, each in a process of its own, against a hub that serves."""

import hashlib
import hmac
import json
import os
import select
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.core.management import call_command

from accounts.factories import ConnectionFactory
from accounts.tokens import issue_token
from callbacks.factories import CallbackFactory
from conftest import HubClient
from customers.models import Customer
from loyalty.models import LoyaltyCard, LoyaltyOperation

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
Till = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def till(live_server, bistro, customer_list) -> Till:
    """Run the till with these words, besides where the hub and its list are."""
    given = {"HUB_URL": live_server.url, "HUB_TOKEN": issue_token(bistro)}

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(EXAMPLES / "till.py"), "--list", customer_list.public_id]
        environment = {**os.environ, **given}
        return subprocess.run(
            [*command, *words], env=environment, capture_output=True, text=True, timeout=60
        )

    return run


def test_the_till_makes_customer_and_card_and_finds_them_again(till: Till) -> None:
    first = till("--phone", "06 12 34 56 78", "--points", "4.2")
    second = till("--phone", "+33612345678", "--points", "-1.2")

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    customer, card = Customer.objects.get(), LoyaltyCard.objects.get()
    assert first.stdout == f"{customer.public_id}: 4.2 points, balance 4.2\n"
    assert second.stdout == f"{customer.public_id}: -1.2 points, balance 3.0\n"
    assert card.customer_id == customer.pk


def test_the_same_ticket_counts_once(till: Till) -> None:
    till("--phone", "+33612345678", "--points", "4.2", "--ticket", "4711")
    again = till("--phone", "+33612345678", "--points", "4.2", "--ticket", "4711")

    assert again.stdout.endswith("balance 4.2\n")
    assert LoyaltyOperation.objects.count() == 1


def test_a_refusal_is_told_in_the_hubs_words(till: Till) -> None:
    refused = till("--phone", "+33612345678", "--points", "many")

    assert refused.returncode == 1
    assert refused.stderr == (
        'The hub says 422: delta must be a decimal number in plain notation, like "13.5"\n'
    )


class Receiver:
    """The receiver in its process, which says the port that it found free."""

    def __init__(self, secret: str) -> None:
        self.secret = secret
        command = [sys.executable, str(EXAMPLES / "receiver.py"), "--port", "0"]
        environment = {**os.environ, "HUB_CLIENT_SECRET": secret}
        self.process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE)
        self.port = int(self.line().split()[-1])

    def line(self) -> str:
        """Return the next line that it prints."""
        ready, _, _ = select.select([self.process.stdout], [], [], 30)
        assert ready, "the receiver prints nothing"
        # Read without a buffer: select knows nothing of what one holds.
        found = b""
        while not found.endswith(b"\n"):
            found += os.read(self.process.stdout.fileno(), 1)
        return found.decode()

    def send(self, event: dict[str, str], *, secret: str) -> int:
        """Post the event, signed with the secret, and return the status of the answer."""
        body = json.dumps(event).encode()
        signature = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}/",
            data=body,
            headers={"X-HubRise-Hmac-SHA256": signature},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status


@pytest.fixture
def receive() -> Iterator[Callable[[str], Receiver]]:
    """Start receivers that know this secret."""
    started: list[Receiver] = []

    def start(secret: str) -> Receiver:
        started.append(Receiver(secret))
        return started[-1]

    yield start
    for one in started:
        one.process.kill()
        one.process.communicate()


@pytest.mark.django_db(transaction=True)
def test_the_receiver_takes_an_event_of_the_hub(
    receive: Callable[[str], Receiver], bistro, settings
) -> None:
    settings.CALLBACK_ALLOW_PRIVATE = True
    listener = ConnectionFactory(account=bistro.account, location=bistro.location)
    issue_token(listener)
    receiver = receive(listener.client.client_secret)
    CallbackFactory(connection=listener, url=f"http://127.0.0.1:{receiver.port}/events")
    api = HubClient(bistro)
    made = api.post("/location/customer_lists", name="Web customers").json()

    created = api.post(f"/customer_lists/{made['id']}/customers", first_name="Ann").json()
    call_command("deliver_events", once=True)

    assert receiver.line() == f"customer.create {created['id']}\n"


def test_the_receiver_refuses_what_is_not_signed_and_tells_an_event_once(
    receive: Callable[[str], Receiver],
) -> None:
    receiver = receive("s3cret")
    event = {"id": "k7fs2", "resource_type": "order", "event_type": "update", "order_id": "mapcm"}
    other = {**event, "id": "x7fs2", "order_id": "xapcm"}

    with pytest.raises(urllib.error.HTTPError, match="401"):
        receiver.send(event, secret="guessed")
    statuses = [receiver.send(one, secret="s3cret") for one in (event, event, other)]

    assert statuses == [200, 200, 200]
    assert [receiver.line(), receiver.line()] == ["order.update mapcm\n", "order.update xapcm\n"]

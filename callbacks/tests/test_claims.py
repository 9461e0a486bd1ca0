"""Whose turn an event is, what becomes of it, and what staff do with it."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import Connection
from accounts.tokens import issue_token, revoke_tokens, set_blocked
from callbacks import claims, services
from callbacks.delivery import Standing
from callbacks.models import Callback
from callbacks.sending import Outcome
from callbacks.tests.deliveries import (
    FAILED,
    LONG_AGO,
    SILENT,
    TAKEN,
    claim_one,
    claimed,
    due,
    fresh,
    lease_is_over,
    make_till,
    seconds_until,
    wait_is_over,
)
from conftest import HubClient


@pytest.fixture
def till(db: None) -> Connection:
    """A connection whose events are sent."""
    return make_till()


# --- whose turn it is ---------------------------------------------------------------


def test_the_oldest_due_event_is_claimed_first(till: Connection) -> None:
    later = due(till, 1, due_at=LONG_AGO + timedelta(hours=1))
    first = due(till, 2)
    due(till, 3, due_at=timezone.now() + timedelta(hours=1))
    due(till, 4, acknowledged_at=LONG_AGO)
    due(till, 5, given_up_at=LONG_AGO)

    assert claimed(several=[till.pk]) == [first.pk, later.pk]


def test_a_claim_is_for_30_seconds_and_for_one(till: Connection) -> None:
    event = due(till, 1)

    claim = claim_one()

    assert 25 < seconds_until(claim.leased_until) <= 30
    assert claimed() == []
    lease_is_over(event)
    assert claimed() == [event.pk]


def test_events_of_one_resource_go_one_after_the_other(till: Connection) -> None:
    first, second = due(till, 1, version=1), due(till, 1, version=2)
    other = due(till, 2)
    namesake = due(till, 1, resource_type="order", customer_list_id=None)
    limits = {"several": [till.pk]}

    assert set(claimed(**limits)) == {first.pk, other.pk, namesake.pk}
    lease_is_over(first)
    claim = claim_one()
    assert claim.event.id == first.pk
    claims.settle(claim, TAKEN)

    assert claimed(**limits) == [second.pk]


def test_another_connection_has_an_order_of_its_own(till: Connection) -> None:
    due(till, 1, version=1)
    other = make_till(account=till.account)
    second = due(other, 1, version=2)

    assert second.pk in claimed()


def test_a_failed_event_holds_up_its_resource_only(till: Connection) -> None:
    first, second, third = (due(till, 1, version=number) for number in range(3))
    other = due(till, 2, due_at=timezone.now())

    claims.settle(claim_one(), FAILED)

    assert claimed() == [other.pk]
    # The later ones wait as long, so that nobody looks at them in vain.
    assert fresh(second).due_at == fresh(third).due_at == fresh(first).due_at
    wait_is_over(first)
    claim = claim_one()
    assert claim.event.id == first.pk
    claims.settle(claim, TAKEN)
    lease_is_over(other)
    for event in (second, third):
        claim = next(one for one in claims.claim(9, several=[till.pk]) if one.event.id != other.pk)
        assert claim.event.id == event.pk
        claims.settle(claim, TAKEN)


def test_an_event_given_up_lets_the_next_one_go(till: Connection, settings) -> None:
    settings.CALLBACK_RETRY_SECONDS = []
    first, second = due(till, 1, version=1), due(till, 1, version=2)

    claims.settle(claim_one(), FAILED)

    assert fresh(first).given_up_at is not None
    assert claimed() == [second.pk]


@pytest.mark.parametrize("how", ["no url", "no callback", "blocked", "revoked"])
def test_who_cannot_be_sent_to_gets_nothing(till: Connection, how: str) -> None:
    event = due(till, 1)
    callbacks = Callback.objects.for_account(till.account)
    match how:
        case "no url":
            callbacks.update(url=None)
        case "no callback":
            callbacks.delete()
        case "blocked":
            set_blocked(till, blocked=True)
        case "revoked":
            revoke_tokens(till)

    assert claimed() == []

    match how:
        case "blocked":
            set_blocked(till, blocked=False)
        case "revoked":
            issue_token(till)
        case _:
            services.set_callback(till, url="https://example.com/", events={})
    assert claimed() == [event.pk]


def test_an_event_recorded_while_the_url_came_is_found(till: Connection) -> None:
    event = due(till, 1, due_at=None)
    passive = make_till(url=None)
    due(passive, 1, due_at=None)
    assert claimed() == []

    assert claims.find_missed() == 1

    assert claimed() == [event.pk]


def test_one_connection_gets_a_few_at_once_where_it_does_well(till: Connection) -> None:
    for number in range(10):
        due(till, number)
    other = due(make_till(), 1, due_at=timezone.now())

    assert len(claimed(several=[])) == 2  # one each
    assert len(claimed(several=[till.pk])) == 3
    assert claimed(several=[till.pk]) == []
    lease_is_over(other)
    assert claimed(left_out=[other.connection_id]) == []
    assert claimed() == [other.pk]


def test_bad_receivers_together_get_half_of_the_threads() -> None:
    standing = Standing(threads=8)
    for number in range(10):
        standing.note(number, FAILED if number < 7 else TAKEN)
    standing.note(9, Outcome(200, None, 6.0))

    assert standing.good() == [7, 8]
    assert len(standing.left_out(busy=[])) == 8 - 4
    assert len(standing.left_out(busy=[0, 1, 7, 7])) == 8 - 2
    standing.note(0, TAKEN)
    assert standing.good() == [0, 7, 8]


# --- what becomes of it -------------------------------------------------------------


def test_it_is_tried_after_1_2_4_8_16_and_32_minutes_then_given_up(till: Connection) -> None:
    event = due(till, 1)
    waits = []

    for _ in range(6):
        claims.settle(claim_one(), FAILED)
        waits.append(round(seconds_until(fresh(event).due_at) / 60, 1))
        assert claimed() == []
        wait_is_over(event)
    claims.settle(claim_one(), SILENT)

    assert waits == [1, 2, 4, 8, 16, 32]
    assert fresh(event).given_up_at is not None
    assert event.attempts == 7
    assert claimed() == []
    attempts = list(event.attempts_made.order_by("id"))
    assert [one.status for one in attempts] == [503] * 6 + [None]
    assert (attempts[-1].error, attempts[-1].duration_ms) == (SILENT.error, 20_000)
    assert 19 < -seconds_until(attempts[-1].started_at) < 25


def test_an_acknowledged_event_is_done(till: Connection) -> None:
    event = due(till, 1)

    assert claims.settle(claim_one(), TAKEN)

    assert fresh(event).acknowledged_at is not None
    assert (event.leased_until, event.given_up_at, event.attempts) == (None, None, 1)
    assert claimed() == []


def test_a_lost_lease_settles_nothing_but_the_try_is_noted(till: Connection) -> None:
    event = due(till, 1)
    lost = claim_one()
    lease_is_over(event)
    kept = claim_one()

    assert not claims.settle(lost, FAILED)

    assert fresh(event).leased_until == kept.leased_until
    assert claims.settle(kept, TAKEN)
    assert fresh(event).acknowledged_at is not None
    assert not claims.settle(lost, FAILED)
    assert fresh(event).acknowledged_at is not None
    assert event.attempts_made.count() == 3


def test_an_event_handed_back_is_due_at_once(till: Connection) -> None:
    event = due(till, 1)

    assert claims.hand_back(claim_one())

    assert fresh(event).attempts == 0
    assert claimed() == [event.pk]


def test_the_client_may_acknowledge_what_is_on_its_way(till: Connection) -> None:
    event, second = due(till, 1, version=1), due(till, 1, version=2)
    claim = claim_one()

    HubClient(till).delete(f"/callback/events/{event.public_id}")
    acknowledged_at = fresh(event).acknowledged_at
    claims.settle(claim, FAILED)

    assert fresh(event).acknowledged_at == acknowledged_at
    assert event.given_up_at is None
    assert claimed() == [second.pk]


def test_what_the_client_acknowledges_lets_the_next_one_go(till: Connection) -> None:
    first, second = due(till, 1, version=1), due(till, 1, version=2)
    claims.settle(claim_one(), FAILED)
    assert claimed() == []

    HubClient(till).delete(f"/callback/events/{first.public_id}")

    assert claimed() == [second.pk]


def test_an_event_whose_connection_went_is_nobodys(till: Connection) -> None:
    due(till, 1)
    claim = claim_one()
    till.delete()

    assert not claims.settle(claim, TAKEN)


# --- replay and discard -------------------------------------------------------------


def test_a_replayed_event_is_due_and_as_it_was(till: Connection) -> None:
    event = due(till, 1, given_up_at=LONG_AGO, attempts=7)
    done = due(till, 2, acknowledged_at=LONG_AGO)

    assert services.replay([event, done]) == 1

    claim = claim_one()
    assert (claim.event.id, claim.attempts) == (event.pk, 0)
    assert services.replay([event]) == 0  # on its way
    claims.settle(claim, FAILED)
    assert services.replay([event]) == 1  # waiting
    assert claim_one().event.id == event.pk


def test_a_replayed_event_does_not_overtake_one_on_its_way(till: Connection) -> None:
    first = due(till, 1, version=1, given_up_at=LONG_AGO)
    second = due(till, 1, version=2)
    claim = claim_one()
    assert claim.event.id == second.pk

    services.replay([first])

    assert claimed(several=[till.pk]) == []
    claims.settle(claim, TAKEN)
    assert claimed() == [first.pk]


def test_a_discarded_event_lets_the_next_one_go(till: Connection) -> None:
    first, second = due(till, 1, version=1), due(till, 1, version=2)
    claims.settle(claim_one(), FAILED)

    assert services.discard([first]) == 1

    assert claimed() == [second.pk]
    assert services.discard([first]) == 0
    assert HubClient(till).get(f"/callback/events/{first.public_id}").status_code == 404

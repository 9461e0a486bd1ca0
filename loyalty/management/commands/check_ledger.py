"""``manage.py check_ledger``: the points on every card are exact, or which are not and how."""

import json
import sys
import time
from argparse import ArgumentParser
from collections import Counter
from decimal import Decimal
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError

from accounts.models import Account
from customers.models import CustomerList
from hubcustomers.api.fields import plain_decimal
from hubcustomers.commands import ExplainedCommand
from hubcustomers.embedded_postgres import EmbeddedPostgresError
from hubcustomers.progress import Progress
from hubcustomers.public_ids import (
    account_ids,
    customer_list_ids,
    loyalty_card_ids,
    loyalty_operation_ids,
)
from loyalty.models import LoyaltyCard
from loyalty.proof import KINDS, Fault, Proof, Scope, prove

_COULD_NOT = 2
_POINTS = {"chain", "balance", "sum"}
_HELP = """
Prove the ledger, and change nothing: of every card the operations are numbered from 1
without a gap, each new_balance is the one before it plus the delta, the card's balance and
count are those of its last operation, the deltas add up to the balance, and each void is
the opposite of one operation of its own card, once.

All rows are judged as of one moment, so it can run while tills write. Each fault is one
line on the standard output; with --json the report is one object:

  {"status": "proven"|"broken", "as_of": ..., "seconds": ..., "accounts": ..., "cards": ...,
   "operations": ..., "broken_cards": ..., "kinds": {"chain": 2, ...}, "faults": [{"account":
   ..., "card": ..., "kind": ..., "operation": ..., "sequence": ..., "expected": ...,
   "found": ..., "message": ...}, ...]}

or {"status": "unknown", "message": ...} where it could not check.

Exit status: 0 proven, 1 something is broken, 2 it could not check.
"""


class Command(ExplainedCommand):
    """Proves every chain, head, sum and void of the ledger."""

    help = _HELP

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        what = parser.add_mutually_exclusive_group()
        for name, example in (("account", "3r4s3"), ("list", "ag8u4"), ("card", "slp8q")):
            what.add_argument(f"--{name}", metavar="ID", help=f"only this {name}, like {example}")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Prove, print, and end with the status that says it."""
        try:
            self._prove(options)
        except (DatabaseError, EmbeddedPostgresError) as error:
            self._give_up(f"The ledger could not be read: {error}".strip(), options)
        except CommandError as error:
            self._give_up(str(error), options)

    def _give_up(self, message: str, options: dict[str, Any]) -> None:
        if options["json"]:
            self.stdout.write(json.dumps({"status": "unknown", "message": message}))
        raise CommandError(message, returncode=_COULD_NOT)

    def _prove(self, options: dict[str, Any]) -> None:
        begin = time.monotonic()
        progress = Progress(self.stderr, what="cards")
        proof, faults, kinds, broken = None, [], Counter[str](), set()
        for proof, found in prove(_scope_of(options)):
            progress.total = proof.expected_cards
            progress.tell(proof.cards)
            for fault in found:
                kinds[fault.kind] += 1
                broken.add((fault.account_id, fault.card_id))
                told = _describe(fault)
                if options["json"]:
                    faults.append(told)
                else:
                    self.stdout.write(f"card {told['card']}: {told['message']}")
        report = _report(proof, time.monotonic() - begin, len(broken), kinds)
        if options["json"]:
            self.stdout.write(json.dumps({**report, "faults": faults}))
        else:
            self.stdout.write(_sentence(report))
        if broken:
            sys.exit(1)


def _report(
    proof: Proof | None, seconds: float, broken: int, kinds: Counter[str]
) -> dict[str, Any]:
    """Return what monitors read; a hub without any account has nothing to prove."""
    return {
        "status": "broken" if broken else "proven",
        "as_of": None if proof is None else proof.as_of.isoformat(timespec="seconds"),
        "seconds": round(seconds, 2),
        "accounts": 0 if proof is None else proof.accounts,
        "cards": 0 if proof is None else proof.cards,
        "operations": 0 if proof is None else proof.operations,
        "broken_cards": broken,
        "kinds": {kind: kinds[kind] for kind in KINDS if kinds[kind]},
    }


def _sentence(report: dict[str, Any]) -> str:
    looked = f"{report['cards']:,} cards with {report['operations']:,} operations"
    when = f"in {report['seconds']} s" + (f", as of {report['as_of']}" if report["as_of"] else "")
    if report["broken_cards"]:
        kinds = ", ".join(f"{kind} {count}" for kind, count in report["kinds"].items())
        return f"BROKEN: {report['broken_cards']:,} of {looked} ({kinds}; {when})."
    return f"Proven: {looked} ({when})."


def _scope_of(options: dict[str, Any]) -> Scope:
    """Return what was asked for.

    Raises:
        CommandError: There is no such account, list or card.
    """
    for name, ids, rows in (
        ("account", account_ids, Account.objects.values_list("pk", "pk")),
        ("list", customer_list_ids, CustomerList.objects.values_list("account_id", "pk")),
        ("card", loyalty_card_ids, LoyaltyCard.with_joined.values_list("account_id", "pk")),
    ):
        public_id = options[name]
        if public_id is None:
            continue
        found = rows.filter(pk=ids.decode(public_id) or 0).first()
        if found is None:
            raise CommandError(f"There is no {name} {public_id}.")
        account, number = found
        return Scope(account, **({} if name == "account" else {f"{name}_id": number}))
    return Scope()


def _describe(fault: Fault) -> dict[str, Any]:
    """Return the fault with the ids that clients see, and a sentence."""
    operation = fault.operation_id and loyalty_operation_ids.encode(fault.operation_id)
    expected, found = _plain(fault, fault.expected), _plain(fault, fault.found)
    values = {"operation": operation, "sequence": fault.sequence}
    sentence = KINDS[fault.kind].format(**values, expected=expected, found=found)
    return {
        "account": account_ids.encode(fault.account_id),
        "card": loyalty_card_ids.encode(fault.card_id),
        "kind": fault.kind,
        **values,
        "expected": None if fault.kind == "void" else expected,
        "found": found,
        "message": sentence,
    }


def _plain(fault: Fault, text: str | None) -> str | None:
    if text is None:
        return None
    if fault.kind in _POINTS:
        number = Decimal(text)
        return plain_decimal(number) if number.is_finite() else text
    if fault.kind == "void" and text.isdigit():
        return loyalty_operation_ids.encode(int(text))
    return text

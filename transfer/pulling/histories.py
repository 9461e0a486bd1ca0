"""Copying cards with their history: every operation with its time, its points and its balance."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone
from rest_framework.exceptions import ValidationError as ApiValidationError

from accounts.models import Account, Client
from customers.models import CustomerList
from hubcustomers.backoffice.refusals import faults_in
from hubcustomers.exceptions import DomainError
from loyalty import ledger
from loyalty.models import LoyaltyCard
from loyalty.services import create_card, update_card
from transfer.models import Pulled
from transfer.pulling import reading
from transfer.pulling.client import Remote
from transfer.pulling.reading import RemoteCard, RemoteList, RemoteOperation, Unreadable

OPENING = "Opening balance"
CORRECTION = "Correction of the balance by the former system"
REFUSALS = (DomainError, ValidationError, ApiValidationError, IntegrityError, Unreadable)


@dataclass
class Outcome:
    """What came of a run.

    Attributes:
        counts: How many of what.
        refused: Kind, id there and reason of what could not be copied.
    """

    counts: Counter[str] = field(default_factory=Counter)
    refused: list[tuple[str, str, str]] = field(default_factory=list)


class Histories:
    """One account here, one token there, and the cards between them."""

    def __init__(
        self,
        remote: Remote,
        account: Account,
        client: Client,
        *,
        source: str,
        quick: bool,
        tell: Callable[[int], None],
    ) -> None:
        """Take both sides.

        Args:
            remote: The other server.
            account: The account here.
            client: Whose private refs they become, and who hears no event.
            source: The server and the account there.
            quick: Look for operations only where a balance has changed.
            tell: Hears how many customers are done.
        """
        self.remote, self.account, self.client = remote, account, client
        self.source, self.quick, self.tell = source, quick, tell
        self.outcome = Outcome()
        self._customers = 0

    @property
    def counts(self) -> Counter[str]:
        """Return how many of what are done."""
        return self.outcome.counts

    def pulled(self, kind: str) -> Any:
        """Return what was copied of this kind from there."""
        return Pulled.objects.for_account(self.account).filter(source=self.source, kind=kind)

    def refuse(self, kind: str, remote_id: str, error: Any) -> None:
        """Note what could not be copied, and why."""
        sentence = str(error)
        if isinstance(error, REFUSALS) and not isinstance(error, Unreadable):
            sentence = "; ".join(f"{name} {text}".strip() for name, text in faults_in(error))
        self.outcome.refused.append((kind, remote_id, sentence))
        self.counts["refused"] += 1

    def note(self, known: Pulled, state: dict[str, Any]) -> None:
        """Keep how far the copying of a list or a card is."""
        known.state = state
        known.save(update_fields=["state"])

    # --- cards and their history --------------------------------------------------------

    def copy_card(
        self, told: RemoteCard, place: RemoteList, customer_list: CustomerList, customer_id: int
    ) -> None:
        """Copy a card, and the operations of it that are new."""
        known = self._known_card(told, customer_list, customer_id)
        if self.quick and known.state.get("balance") == str(told.balance):
            return
        last = known.state.get("last")
        operations = reading.operations_since(self.remote, place.id, told.id, last)
        with transaction.atomic():
            self._write_history(told, known, customer_list, operations)

    @transaction.atomic
    def _known_card(
        self, told: RemoteCard, customer_list: CustomerList, customer_id: int
    ) -> Pulled:
        known = self.pulled(Pulled.Kind.CARD).filter(remote_id=told.id).first()
        rows = LoyaltyCard.with_joined.for_account(self.account).filter(customer_list=customer_list)
        card = known and rows.filter(pk=known.local_id).first()
        if card and card.joined_into_id is not None:
            raise Unreadable("was joined into another card here: left as it is")
        if card and card.customer_id != customer_id:
            raise Unreadable("is another customer's here than there: left as it is")
        where = {"account_id": self.account.pk, "list_id": customer_list.pk}
        if card:
            changes = {"name": told.name, "ref": told.ref}
            if (card.name, card.ref) != (told.name, told.ref):
                caused_by = self.client.pk
                update_card(**where, card_id=card.pk, changes=changes, caused_by=caused_by)
                self.counts["cards changed"] += 1
            return known
        if known:
            known.delete()
        card = create_card(
            **where,
            customer_id=customer_id,
            name=told.name,
            ref=told.ref,
            caused_by=self.client.pk,
        )
        self.counts["cards created"] += 1
        return Pulled.objects.create(
            account=self.account,
            source=self.source,
            kind=Pulled.Kind.CARD,
            remote_id=told.id,
            local_id=card.pk,
        )

    def _write_history(
        self,
        told: RemoteCard,
        known: Pulled,
        customer_list: CustomerList,
        operations: list[RemoteOperation],
    ) -> None:
        card = (
            LoyaltyCard.objects.for_account(self.account)
            .select_for_update(no_key=True)
            .get(pk=known.local_id)
        )
        copied = known.state.get("count", 0)
        if card.last_sequence != copied:
            if operations:
                raise Unreadable(
                    f"has operations of its own here; {len(operations)} from there are left out"
                )
            return
        movements = self._movements(told, operations, card.balance, is_new=not known.state)
        place = ledger.CardPlace(self.account.pk, customer_list.pk, card.pk)
        if movements and not ledger.copy_history(
            place,
            movements,
            after=card.last_sequence,
            balance=card.balance,
            caused_by=self.client.pk,
        ):
            raise Unreadable("moved on while it was copied; the next run copies it")
        balance = movements[-1].new_balance if movements else card.balance
        last = operations[-1].id if operations else known.state.get("last")
        count = card.last_sequence + len(movements)
        self.note(known, {"last": last, "count": count, "balance": str(balance)})
        self.counts["operations"] += len(operations)
        self.counts["operations whose order stays there"] += sum(
            operation.has_order for operation in operations
        )

    def _movements(
        self,
        told: RemoteCard,
        operations: list[RemoteOperation],
        balance: Decimal,
        *,
        is_new: bool,
    ) -> list[ledger.Told]:
        """Return the operations as the ledger takes them, each with the balance it had there.

        Where the former system's own chain has a gap, an operation that says so fills it.
        """
        movements: list[ledger.Told] = []
        for operation in operations:
            gap = operation.new_balance - operation.delta - balance
            if gap:
                opens = is_new and not movements
                reason = OPENING if opens else CORRECTION
                self.counts["opening balances" if opens else "corrections"] += 1
                movements.append(ledger.Told(gap, balance + gap, reason, operation.created_at))
            balance = operation.new_balance
            movements.append(
                ledger.Told(operation.delta, balance, operation.reason, operation.created_at)
            )
        if is_new and not operations and told.balance:
            self.counts["opening balances"] += 1
            movements.append(ledger.Told(told.balance, told.balance, OPENING, timezone.now()))
        return movements

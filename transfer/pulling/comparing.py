"""What differs between both sides: lists, customers, cards and the points on each of them."""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from typing import Any

from accounts.models import Account, Client
from customers.models import ANONYMISED_FIELDS, Customer, CustomerList, CustomerPrivateRef
from hubcustomers import exact_json
from hubcustomers.api.fields import plain_decimal
from hubcustomers.phones import normalise_phone
from hubcustomers.public_ids import customer_ids, customer_list_ids, loyalty_card_ids
from loyalty.models import LoyaltyCard
from transfer.models import Pulled
from transfer.pulling.client import NotThere, Remote, path_of
from transfer.pulling.reading import (
    Reach,
    RemoteCustomer,
    RemoteList,
    Unreadable,
    id_in,
    read_customer,
)


@dataclass(frozen=True)
class Difference:
    """One thing that is not the same on both sides; names of fields, never their values.

    Attributes:
        kind: list, customer or card.
        there: Its id there.
        here: Its id here, None where it is not.
        what: In words.
    """

    kind: str
    there: str
    here: str | None
    what: str


@dataclass
class Comparison:
    """Both sides, counted.

    Attributes:
        there: lists, customers, cards and points there.
        here: The same of what was copied here.
        differences: What is not the same.
    """

    there: Counter[str] = field(default_factory=Counter)
    here: Counter[str] = field(default_factory=Counter)
    points_there: Decimal = Decimal(0)
    points_here: Decimal = Decimal(0)
    differences: list[Difference] = field(default_factory=list)

    def as_json(self) -> dict[str, Any]:
        """Return what monitors read."""
        kinds = ("lists", "customers", "cards")
        return {
            "there": {kind: self.there[kind] for kind in kinds}
            | {"points": plain_decimal(self.points_there)},
            "here": {kind: self.here[kind] for kind in kinds}
            | {"points": plain_decimal(self.points_here)},
            "differences": [asdict(one) for one in self.differences],
        }


class Comparing:
    """Looks at everything there once more, page by page, beside what is here."""

    def __init__(
        self,
        remote: Remote,
        account: Account,
        client: Client | None,
        *,
        source: str,
        tell: Callable[[int], None],
    ) -> None:
        """Take both sides; the client is the one whose private refs were copied."""
        self.remote, self.account, self.client = remote, account, client
        self.source, self.tell = source, tell
        self.found = Comparison()

    def run(self, reach: Reach) -> Comparison:
        """Return what differs."""
        for told in reach.lists:
            self.found.there["lists"] += 1
            number = self._known(Pulled.Kind.LIST, [told.id]).get(told.id)
            rows = CustomerList.objects.for_account(self.account).select_related("location")
            customer_list = rows.filter(pk=number).first()
            if customer_list is None:
                self._differs("list", told.id, None, "is not here")
            else:
                self.found.here["lists"] += 1
                if customer_list.name != told.name:
                    here = customer_list_ids.encode(customer_list.pk)
                    self._differs("list", told.id, here, "has another name here")
            self._compare_list(told, customer_list)
        self._compare_what_is_gone()
        return self.found

    def _compare_what_is_gone(self) -> None:
        copied = Pulled.objects.for_account(self.account).filter(source=self.source)
        for kind, name in ((Pulled.Kind.CUSTOMER, "customers"), (Pulled.Kind.CARD, "cards")):
            gone = copied.filter(kind=kind).count() - self.found.here[name]
            if gone > 0:
                self._differs(str(kind), "-", None, f"{gone:,} that were copied are not there now")

    def _differs(self, kind: str, there: str, here: str | None, what: str) -> None:
        self.found.differences.append(Difference(kind, there, here, what))

    def _known(self, kind: str, ids: list[str]) -> dict[str, int]:
        rows = Pulled.objects.for_account(self.account).filter(
            source=self.source, kind=kind, remote_id__in=ids
        )
        return dict(rows.values_list("remote_id", "local_id"))

    def _compare_list(self, told: RemoteList, customer_list: CustomerList | None) -> None:
        try:
            for page in self.remote.walk(f"/customer_lists{path_of(told.id)}/customers"):
                self._compare_page(page.rows, customer_list)
                self.tell(self.found.there["customers"])
        except NotThere:
            self._differs("list", told.id, None, "is not there any more")

    def _compare_page(self, rows: list[Any], customer_list: CustomerList | None) -> None:
        self.found.there["customers"] += len(rows)
        readable: list[RemoteCustomer] = []
        for row in rows:
            try:
                readable.append(read_customer(row))
            except Unreadable as error:
                self._differs("customer", id_in(row), None, f"cannot be read: {error}")
        known = self._known(Pulled.Kind.CUSTOMER, [one.id for one in readable])
        here = Customer.with_merged.for_account(self.account).in_bulk(list(known.values()))
        refs = self._refs(list(here))
        for told in readable:
            customer = here.get(known.get(told.id, 0))
            if customer is None:
                self._differs("customer", told.id, None, "is not here")
                continue
            self.found.here["customers"] += 1
            if customer.merged_into_id is not None:
                number = customer_ids.encode(customer.merged_into_id)
                self._differs("customer", told.id, number, "was merged here")
                continue
            fields = _differing(told, customer, refs.get(customer.pk), self._country(customer_list))
            if fields:
                number = customer_ids.encode(customer.pk)
                self._differs("customer", told.id, number, f"differs in {', '.join(fields)}")
        self._compare_cards(readable)

    def _country(self, customer_list: CustomerList | None) -> str:
        location = None if customer_list is None else customer_list.location
        return str((location or self.account).country)

    def _refs(self, numbers: list[int]) -> dict[int, str]:
        own = CustomerPrivateRef.objects.for_account(self.account).filter(
            customer_id__in=numbers, client=self.client
        )
        return dict(own.values_list("customer_id", "ref"))

    def _compare_cards(self, readable: list[RemoteCustomer]) -> None:
        cards = [card for customer in readable for card in customer.cards]
        known = self._known(Pulled.Kind.CARD, [card.id for card in cards])
        here = LoyaltyCard.with_joined.for_account(self.account).in_bulk(list(known.values()))
        for told in cards:
            self.found.there["cards"] += 1
            self.found.points_there += told.balance
            card = here.get(known.get(told.id, 0))
            if card is None:
                self._differs(
                    "card", told.id, None, f"is not here ({plain_decimal(told.balance)} there)"
                )
                continue
            self.found.here["cards"] += 1
            self.found.points_here += card.balance
            number = loyalty_card_ids.encode(card.pk)
            if card.balance != told.balance:
                both = f"{plain_decimal(told.balance)} there, {plain_decimal(card.balance)} here"
                self._differs("card", told.id, number, f"has another balance: {both}")
            if (card.name, card.ref) != (told.name, told.ref):
                self._differs("card", told.id, number, "has another name or ref")


def _differing(
    told: RemoteCustomer, customer: Customer, ref: str | None, country: str
) -> list[str]:
    """Return the names of the fields that are not the same."""
    if told.anonymised != customer.anonymised:
        return ["anonymised"]
    values = dict(told.values)
    if values.get("phone"):
        home = values.get("country") or country
        values["phone"] = normalise_phone(values["phone"], home) or None
    differing = []
    for name, value in values.items():
        if customer.anonymised and name in ANONYMISED_FIELDS:
            continue
        kept = ref if name == "private_ref" else getattr(customer, name)
        if name == "custom_fields":
            value = {key: inner for key, inner in (value or {}).items() if inner is not None}
            if _sorted(kept) == _sorted(value):
                continue
        elif kept == value:
            continue
        differing.append(name)
    return differing


def _sorted(value: Any) -> Any:
    """Return the JSON value in a form that compares: PostgreSQL keeps keys in its own order."""
    if isinstance(value, dict):
        return sorted((key, _sorted(inner)) for key, inner in value.items())
    if isinstance(value, list):
        return [_sorted(inner) for inner in value]
    return exact_json.dumps(value)

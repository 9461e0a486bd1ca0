"""Who may be one person twice: by phone, by e-mail, or by name and postal code.

People are found by sets, never by comparing everybody with everybody, and never merged by the
hub itself. Names are near where no more than one letter differs: replaced, left out, or
exchanged with its neighbour. Two such names have a form in common from which one letter is
left out, so equal forms are all that has to be looked for. Capitals, marks on letters and
punctuation do not count, nor which of the two names comes first.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from customers.models import Customer, CustomerList
from desk.merging.models import PossibleDuplicate
from hubcustomers.fields import Folded, fold

REASONS = {
    "phone": _("same phone"),
    "email": _("same e-mail"),
    "name": _("similar name, same postal code"),
}
# What more people share, like the phone number of a shop, tells nothing of one person.
_MOST_SHARING = 50
# Of more that are alike each is held against the oldest alone.
_FEW = 5
# So many customers are compared by name in one statement.
_BUCKET = 50_000
# A shorter name with another letter is another name.
_SHORTEST_NEAR = 8
_LONGEST_NAME = 60
_PUNCTUATION = "[-[:space:].,''’]+"


# --- the search of a whole list -------------------------------------------------------

_KEEP = f"""
INSERT INTO desk_possibleduplicate AS pair
    (account_id, customer_list_id, first_id, second_id, reasons, parted_by, found_at)
SELECT DISTINCT %(account)s, %(list)s, one.id, other.id, jsonb_build_array(%(reason)s::text), '',
    statement_timestamp()
FROM ({{alike}}) AS alike
CROSS JOIN LATERAL unnest(alike.ids) WITH ORDINALITY AS one(id, place)
CROSS JOIN LATERAL unnest(alike.ids) WITH ORDINALITY AS other(id, place)
WHERE one.place < other.place AND (one.place = 1 OR cardinality(alike.ids) <= {_FEW})
ON CONFLICT (account_id, first_id, second_id) DO UPDATE SET
    reasons = CASE WHEN pair.found_at < %(began)s THEN EXCLUDED.reasons
        WHEN pair.reasons @> EXCLUDED.reasons THEN pair.reasons
        ELSE pair.reasons || EXCLUDED.reasons END,
    found_at = EXCLUDED.found_at
"""
_WHO = "account_id = %(account)s AND customer_list_id = %(list)s AND merged_into_id IS NULL"
_SHARED = f"""
SELECT array_agg(id ORDER BY id) AS ids FROM customers_customer
WHERE {_WHO} AND {{column}} IS NOT NULL
GROUP BY {{column}} HAVING count(*) BETWEEN 2 AND {_MOST_SHARING}
"""


def _folded(column: str) -> str:
    folded = (Folded.template % {"expressions": column}).replace("%", "%%")
    return f"regexp_replace({folded}, '{_PUNCTUATION}', '', 'g')"


_CODE = "upper(translate(postal_code, ' -.', ''))"
# A form as a number of 64 bits, because numbers sort many times faster than texts.
_NEAR = f"""
WITH placed AS MATERIALIZED (
    SELECT id, {_CODE} AS code, first_name, last_name FROM customers_customer
    WHERE {_WHO} AND postal_code IS NOT NULL AND first_name IS NOT NULL AND last_name IS NOT NULL
        AND mod(abs(hashtext({_CODE})::bigint), %(buckets)s) = %(bucket)s
), named AS MATERIALIZED (
    SELECT id, code, {_folded("first_name")} AS one, {_folded("last_name")} AS other
    FROM placed WHERE code <> ''
), person AS MATERIALIZED (
    SELECT id, code, left(least(one, other) || ' ' || greatest(one, other), {_LONGEST_NAME}) AS name
    FROM named WHERE one <> '' AND other <> ''
), form AS (
    SELECT id, hashtextextended(code || '/' || name, 0) AS form FROM person
    UNION ALL
    SELECT id, hashtextextended(code || '/' || overlay(name PLACING '' FROM place FOR 1), 0)
    FROM person CROSS JOIN generate_series(1, length(name)) AS place
    WHERE length(name) >= {_SHORTEST_NEAR}
)
SELECT array_agg(DISTINCT id ORDER BY id) AS ids FROM form
GROUP BY form HAVING count(DISTINCT id) BETWEEN 2 AND {_MOST_SHARING}
"""


@dataclass(frozen=True)
class Search:
    """A search of one list, step by step; what it finds is kept.

    Attributes:
        customer_list: The list.
        began: When; what an earlier search found and this one does not goes at its end.
        buckets: Into how many parts the customers are split to compare their names.
    """

    customer_list: CustomerList
    began: datetime
    buckets: int

    @classmethod
    def begin(cls, customer_list: CustomerList) -> "Search":
        """Return a search of the list as it is now."""
        account_id = customer_list.account_id
        count = Customer.objects.for_account(account_id).filter(customer_list=customer_list).count()
        with connection.cursor() as cursor:
            cursor.execute("SELECT statement_timestamp()")
            began = cursor.fetchone()[0]
        return cls(customer_list, began, count // _BUCKET + 1)

    @property
    def steps(self) -> int:
        """Return how many steps there are."""
        return self.buckets + 3

    def do(self, step: int) -> tuple[str, int]:
        """Do the step of that number, from 0, in the caller's transaction.

        Returns:
            The reason that was looked for, "" for none, and how many pairs were found.
        """
        with connection.cursor() as cursor:
            # In the background, and larger than a request may be.
            cursor.execute("SET LOCAL statement_timeout = 0")
            cursor.execute("SET LOCAL work_mem = '64MB'")
        match step:
            case 0:
                return self._keep("phone", _SHARED.format(column="phone"))
            case 1:
                return self._keep("email", _SHARED.format(column="email_folded"))
            case _ if step < self.steps - 1:
                return self._keep("name", _NEAR, bucket=step - 2, buckets=self.buckets)
        return self._forget()

    def _keep(self, reason: str, alike: str, **values: Any) -> tuple[str, int]:
        place = {"account": self.customer_list.account_id, "list": self.customer_list.pk}
        with connection.cursor() as cursor:
            cursor.execute(
                _KEEP.format(alike=alike),
                {**place, "began": self.began, "reason": reason, **values},
            )
            return reason, int(cursor.rowcount)

    def _forget(self) -> tuple[str, int]:
        pairs = PossibleDuplicate.objects.for_account(self.customer_list.account_id)
        old = pairs.filter(customer_list=self.customer_list, found_at__lt=self.began)
        old.filter(parted_at=None).delete()
        return "", 0


def search(customer_list: CustomerList) -> Iterator[tuple[int, int]]:
    """Search the list, and yield after each step how many of how many are done."""
    begun = Search.begin(customer_list)
    for step in range(begun.steps):
        with transaction.atomic():
            begun.do(step)
        yield step + 1, begun.steps


# --- what was found ---------------------------------------------------------------------


def pairs_of_list(customer_list: CustomerList) -> Any:
    """Return the pairs of the list that nobody has decided on, with their customers."""
    return _open(customer_list.account_id).filter(customer_list=customer_list)


def _open(account_id: int) -> Any:
    return (
        PossibleDuplicate.objects.for_account(account_id)
        .filter(parted_at=None, first__merged_into=None, second__merged_into=None)
        .select_related("first", "second")
    )


def suspects_of(customer: Customer) -> list[tuple[Customer, list[str]]]:
    """Return who may be the same person as the customer, and why: by look-ups in indexes."""
    if customer.anonymised:
        return []
    found: dict[int, tuple[Customer, list[str]]] = {}
    for reason, condition in _conditions(customer):
        rows = Customer.objects.for_account(customer.account_id).filter(
            condition, customer_list_id=customer.customer_list_id
        )
        for other in rows.exclude(pk=customer.pk).order_by("pk")[:_FEW]:
            found.setdefault(other.pk, (other, []))[1].append(reason)
    known = _open(customer.account_id).filter(Q(first=customer) | Q(second=customer))
    for pair in known.order_by("pk")[: 2 * _FEW]:
        other = pair.second if pair.first_id == customer.pk else pair.first
        found.setdefault(other.pk, (other, list(pair.reasons)))
    parted = _parted(customer)
    return [found[number] for number in sorted(found) if number not in parted]


def _conditions(customer: Customer) -> list[tuple[str, Q]]:
    conditions = []
    if customer.phone:
        conditions.append(("phone", Q(phone=customer.phone)))
    if customer.email:
        conditions.append(("email", Q(email_folded=customer.email.lower())))
    if customer.first_name and customer.last_name and customer.postal_code:
        # By the index on last names; what is near without being equal the search has found.
        same = Q(last_name__isnull=False, last_name__folded=fold(customer.last_name))
        first = Q(first_name__folded=fold(customer.first_name))
        conditions.append(("name", same & first & Q(postal_code=customer.postal_code)))
    return conditions


def _parted(customer: Customer) -> set[int]:
    decided = PossibleDuplicate.objects.for_account(customer.account_id).filter(
        Q(first=customer) | Q(second=customer), parted_at__isnull=False
    )
    return {number for pair in decided.values_list("first_id", "second_id") for number in pair}


def part(one: Customer, other: Customer, *, user: Any) -> None:
    """Remember that the two are not one person."""
    first, second = sorted([one, other], key=lambda row: row.pk)
    PossibleDuplicate.objects.update_or_create(
        account_id=one.account_id,
        first=first,
        second=second,
        defaults={
            "customer_list_id": one.customer_list_id,
            "parted_at": Now(),
            "parted_by": user.get_username()[:255],
        },
    )

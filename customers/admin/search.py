"""The search box: people by name, e-mail, phone in any spelling, a ref, or an id.

Each way is a range of an index that begins with account and list, so a search starts from
the lists in reach; one condition over all the ways would read every customer.
"""

from functools import reduce
from operator import or_
from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Coalesce

from accounts.models import Client
from customers.models import CustomerPrivateRef
from hubcustomers.fields import fold
from hubcustomers.phones import phone_patterns

# A search that finds more than this is too short to be of use.
MOST_FOUND = 500
# No character comes after this one.
_LAST = "\U0010ffff"
# Of a longer text no part is tried as a name by itself.
_MOST_WORDS = 4


def find_customers(lists: QuerySet[Any], term: str) -> set[int]:
    """Return the customers of these lists that the term finds, at most a few hundred a way."""
    lists = lists.order_by()
    found: set[int] = set()
    for path, condition in _ways(lists, term):
        found.update(lists.filter(condition).values_list(path, flat=True)[:MOST_FOUND])
    found.update(_with_private_ref(lists, term))
    return found


def _ways(lists: QuerySet[Any], term: str) -> list[tuple[str, Q]]:
    """Return the path from a list to the customer, and the condition, of each way."""
    ways = [
        ("customers__pk", _starts_with("customers__email_folded", term.lower())),
        ("loyalty_cards__customer_id", Q(loyalty_cards__ref=term)),
    ]
    if any(character.isalpha() for character in term):
        ways += [("customers__pk", condition) for condition in _names(term)]
    if any(character.isdigit() for character in term):
        ways.append(("customers__pk", _phones(lists, term)))
    return ways


def _names(term: str) -> list[Q]:
    """Return conditions for a name's beginning; for two words in either order."""
    words = fold(term).split()
    whole = " ".join(words)
    columns = ("first_name", "last_name", "company_name")
    conditions = [_named(column, whole) for column in columns]
    for cut in range(1, min(len(words), _MOST_WORDS)):
        one, other = " ".join(words[:cut]), " ".join(words[cut:])
        conditions.append(_named("last_name", other) & _named("first_name", one))
        conditions.append(_named("last_name", one) & _named("first_name", other))
    return conditions


def _named(column: str, beginning: str) -> Q:
    # Said to be filled, because the index holds filled columns only.
    filled = Q(**{f"customers__{column}__isnull": False})
    return filled & _starts_with(f"customers__{column}__folded", beginning)


def _phones(lists: QuerySet[Any], term: str) -> Q:
    homes = lists.annotate(home=Coalesce("location__country", "account__country"))
    prefixes = {
        pattern.strip("*")
        for home in homes.values_list("home", flat=True).distinct()
        for pattern in phone_patterns(f"{term.strip('*')}*", home)
    }
    phones = [_starts_with("customers__phone", prefix) for prefix in sorted(prefixes) if prefix]
    return reduce(or_, phones, Q(pk__in=[]))


def _starts_with(path: str, prefix: str) -> Q:
    # A range, because the plan of a LIKE is no use once the pattern is a parameter.
    return Q(**{f"{path}__gte": prefix, f"{path}__lt": prefix + _LAST})


def _with_private_ref(lists: QuerySet[Any], term: str) -> list[int]:
    refs = CustomerPrivateRef.objects.filter(
        account_id__in=lists.values("account_id"),
        customer_list_id__in=lists.values("pk"),
        # Named, because the index has the client before the ref.
        client_id__in=Client.objects.values("pk"),
        ref=term,
    )
    return list(refs.values_list("customer_id", flat=True)[:MOST_FOUND])

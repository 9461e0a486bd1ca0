"""What a scope allows, in words that a shopkeeper understands."""

from dataclasses import dataclass

from django.utils.translation import gettext as _

from accounts.models import Account, Location
from accounts.scopes import Scope
from hubcustomers.backoffice.display import short


@dataclass(frozen=True)
class Sentence:
    """One thing that an application may do.

    Attributes:
        icon: A name of the theme's symbols.
        text: The sentence.
        details: What exactly lies within it.
        writes: Whether it may change something.
    """

    icon: str
    text: str
    details: str
    writes: bool


def sentences(
    scope: Scope, account: Account, location: Location | None, *, list_name: str | None = None
) -> list[Sentence]:
    """Return what the scope allows there, one sentence for each kind of data.

    Args:
        scope: What is allowed.
        account: Where.
        location: The one location, None for the whole account.
        list_name: The list of a ``customer_list.*`` permission, None where it is still to be
            chosen.
    """
    place = short(str(location or account))
    told = [
        *_all_lists(scope, place, account, location),
        *_one_list(scope, list_name),
        *_orders(scope, place),
    ]
    known = {"all_customer_lists", "customer_list", "orders"}
    for permission in sorted(scope.permissions):
        if permission.partition(".")[0] not in known:
            text = _("Asks for %(permission)s") % {"permission": permission}
            details = _("The hub has nothing of this kind, so this allows nothing.")
            told.append(Sentence("block", text, details, writes=False))
    return told


def _all_lists(
    scope: Scope, place: str, account: Account, location: Location | None
) -> list[Sentence]:
    if not scope.allows("all_customer_lists", write=False):
        return []
    named = {"place": place, "account": short(str(account))}
    writes = scope.allows("all_customer_lists", write=True)
    if writes:
        text = _("Read and write all customer lists of %(place)s")
    else:
        text = _("Read all customer lists of %(place)s")
    if location is None:
        details = _(
            "Those of every location too. Customers with name, e-mail, phone and address, their "
            "loyalty cards and points."
        )
    else:
        details = _(
            "And those of the whole account %(account)s. Customers with name, e-mail, phone and "
            "address, their loyalty cards and points."
        )
    if writes:
        details += " " + _("It may also create, rename and delete lists of %(place)s.")
    return [Sentence("group", text % named, details % named, writes=writes)]


def _one_list(scope: Scope, list_name: str | None) -> list[Sentence]:
    if not scope.allows("customer_list", write=False):
        return []
    writes = scope.allows("customer_list", write=True)
    if list_name is None:
        written = _("Read and write the customers of one list that you choose")
        text = written if writes else _("Read the customers of one list that you choose")
    else:
        written = _("Read and write the customers of the list “%(list)s”")
        text = written if writes else _("Read the customers of the list “%(list)s”")
        text %= {"list": short(list_name)}
    details = _("Name, e-mail, phone and address, their loyalty cards and points. No other list.")
    return [Sentence("person", text, details, writes=writes)]


def _orders(scope: Scope, place: str) -> list[Sentence]:
    if not scope.allows("orders", write=False):
        return []
    writes = scope.allows("orders", write=True)
    if writes:
        text = _("Read and write all orders of %(place)s")
        details = _("It may place orders, change their status, and add or use points with them.")
    else:
        text = _("Read all orders of %(place)s")
        details = _("With the customers' data as they were when they ordered.")
    return [Sentence("receipt_long", text % {"place": place}, details, writes=writes)]

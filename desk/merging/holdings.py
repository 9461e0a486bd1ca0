"""What is held on a person about merges: shown to whoever asks for what is held."""

from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from customers.models import Customer
from customers.subject import Record, Section, leave_out, register_section, told
from desk.merging.models import Merge, PossibleDuplicate


def register_holdings() -> None:
    """Register the sections, and what of these tables is not shown."""
    register_section(
        Section("merges", _("Customers who were found to be one person"), ("desk_merge",), _merges)
    )
    register_section(
        Section(
            "possible_duplicates",
            _("Customers who may be the same person"),
            ("desk_possibleduplicate",),
            _pairs,
        )
    )
    staff = _("A member of staff.")
    other = _("One of the two is the customer, the other one may be somebody else.")
    leave_out(
        {
            "desk_merge.customer_list_id": _("The list of the customer."),
            "desk_merge.user_name": staff,
            "desk_merge.undone_by": staff,
            "desk_possibleduplicate.customer_list_id": _("The list of the customer."),
            "desk_possibleduplicate.first_id": other,
            "desk_possibleduplicate.second_id": other,
            "desk_possibleduplicate.parted_by": staff,
        }
    )


def _merges(customer: Customer) -> list[Record]:
    undone = Q(merged=customer, undone_at__isnull=False)
    rows = Merge.objects.for_account(customer.account_id).filter(Q(survivor=customer) | undone)
    return [told(row) for row in rows.order_by("pk")]


def _pairs(customer: Customer) -> list[Record]:
    rows = PossibleDuplicate.objects.for_account(customer.account_id)
    own = rows.filter(Q(first=customer) | Q(second=customer))
    return [told(row) for row in own.order_by("pk")]

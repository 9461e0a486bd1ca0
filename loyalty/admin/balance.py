"""The chart of a card's balance."""

from django.utils.translation import gettext as _

from customers.admin.lists import place_of
from hubcustomers.backoffice.charts import Chart, steps
from hubcustomers.backoffice.display import local
from loyalty.models import LoyaltyCard, LoyaltyOperation

# More steps than these cannot be told apart.
_MOST = 100


def balance_chart(card: LoyaltyCard) -> Chart:
    """Return how the balance went with the card's latest operations."""
    rows = LoyaltyOperation.objects.for_account(card.account_id).filter(card=card)
    latest = list(rows.order_by("-sequence").values_list("created_at", "new_balance")[:_MOST])
    latest.reverse()
    zone = place_of(card.customer_list)
    return steps(
        _("Balance after the latest operations"),
        [_("time"), _("balance")],
        [(when.timestamp(), local(when, zone)) for when, _balance in latest],
        [balance for _when, balance in latest],
    )

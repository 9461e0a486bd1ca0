"""Cards and operations for tests."""

from decimal import Decimal

import factory

from customers.factories import CustomerFactory
from loyalty import ledger
from loyalty.models import LoyaltyCard
from loyalty.reads import OperationRow


class LoyaltyCardFactory(factory.django.DjangoModelFactory[LoyaltyCard]):
    """A card of the scheme without a name."""

    class Meta:
        model = LoyaltyCard

    customer = factory.SubFactory(CustomerFactory)
    customer_list = factory.SelfAttribute("customer.customer_list")
    account = factory.SelfAttribute("customer.account")
    name = ""
    ref = factory.Sequence("av-{}".format)


def post(card: LoyaltyCard, delta: str, reason: str | None = None) -> OperationRow:
    """Post an operation of that many points to the card."""
    place = ledger.CardPlace(card.account_id, card.customer_list_id, card.pk)
    return ledger.post_operation(place, delta=Decimal(delta), reason=reason)

"""Cards: created and renamed here; only the ledger moves their balance (spec 3)."""

from typing import Any

from customers.events import customer_update
from customers.services import lock_customer
from hubcustomers.exceptions import InvalidField, ObjectNotFound
from loyalty.models import LoyaltyCard
from loyalty.reads import standing_card

# The field and the sentence.
NO_CUSTOMER = ("customer_id", "doesn't exist in this customer list")


def create_card(
    *,
    account_id: int,
    list_id: int,
    customer_id: int | None,
    name: str,
    ref: str | None,
    caused_by: int | None = None,
) -> LoyaltyCard:
    """Give a customer a new card with balance 0 (spec 3.3); for a merged one, the other.

    Args:
        account_id: The account.
        list_id: The list, known to be in reach.
        customer_id: The customer's number, None where the given id was malformed.
        name: The scheme; ``""`` is one too.
        ref: What is printed on the card, unique among the list's cards of that scheme.
        caused_by: The client that creates it and hears no event.

    Raises:
        InvalidField: No such customer in the list.
        IntegrityError: The name or the ref is taken.
    """
    try:
        # Locked, so that the customer's row cannot go before the card is there.
        customer = lock_customer(account_id, list_id, customer_id or 0, keeps_list=True)
    except ObjectNotFound as error:
        raise InvalidField(*NO_CUSTOMER) from error
    customer_id = customer.pk
    with customer_update(
        account_id=account_id,
        customer_list_id=list_id,
        customer_id=customer_id,
        caused_by=caused_by,
    ):
        return LoyaltyCard.objects.create(
            account_id=account_id,
            customer_list_id=list_id,
            customer_id=customer_id,
            name=name,
            ref=ref,
        )


def update_card(
    *,
    account_id: int,
    list_id: int,
    card_id: int,
    changes: dict[str, Any],
    caused_by: int | None = None,
) -> LoyaltyCard:
    """Change the name or the ref of a card (spec 3.4); for a joined one, of the other.

    Raises:
        ObjectNotFound: No such card in the list.
        IntegrityError: The name or the ref is taken.
    """
    standing = LoyaltyCard.objects.for_account(account_id).filter(customer_list_id=list_id)
    cards = standing.filter(pk=card_id)
    customer_id = cards.values_list("customer_id", flat=True).first()
    if customer_id is None:
        cards = standing.filter(pk=standing_card(account_id, card_id))
        customer_id = cards.values_list("customer_id", flat=True).first()
    if customer_id is None:
        raise ObjectNotFound
    with customer_update(
        account_id=account_id,
        customer_list_id=list_id,
        customer_id=customer_id,
        caused_by=caused_by,
    ):
        card: LoyaltyCard | None = cards.select_for_update(no_key=True).first()
        if card is None:
            # Joined while we waited for its row.
            raise ObjectNotFound
        changed = [name for name, value in changes.items() if getattr(card, name) != value]
        for name in changed:
            setattr(card, name, changes[name])
        if changed:
            card.save(update_fields=changed)
    return card

"""A manager at the desk, and customers with cards to give points to."""

import pytest

from accounts.models import Connection
from customers.factories import CustomerFactory
from customers.models import CustomerList
from hubcustomers.tests.desk import Desk, member_desk
from loyalty.factories import LoyaltyCardFactory
from loyalty.models import LoyaltyCard


@pytest.fixture
def desk(bistro: Connection) -> Desk:
    return member_desk(bistro.account)


@pytest.fixture
def crowd(customer_list: CustomerList) -> list[LoyaltyCard]:
    """Twenty customers with a card each, every other one agreeing to e-mail."""
    return [
        LoyaltyCardFactory(
            customer=CustomerFactory(customer_list=customer_list, email_marketing=number % 2 == 0)
        )
        for number in range(20)
    ]

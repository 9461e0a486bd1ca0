"""Customer lists and customers for tests."""

import factory

from accounts.factories import AccountFactory
from customers.models import Customer, CustomerList


class CustomerListFactory(factory.django.DjangoModelFactory[CustomerList]):
    """A list of the whole account, unless a location is given."""

    class Meta:
        model = CustomerList

    account = factory.SubFactory(AccountFactory)
    location = None
    name = factory.Sequence("List {}".format)


class CustomerFactory(factory.django.DjangoModelFactory[Customer]):
    """A person of whom the name is known."""

    class Meta:
        model = Customer

    customer_list = factory.SubFactory(CustomerListFactory)
    account = factory.SelfAttribute("customer_list.account")
    first_name = "Jimmy"
    last_name = "Watson"

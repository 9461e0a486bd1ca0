"""Accounts and connections for tests."""

import factory

from accounts import services
from accounts.models import Account, Client, Connection, Location


class AccountFactory(factory.django.DjangoModelFactory[Account]):
    """A French business that counts in euros."""

    class Meta:
        model = Account

    name = factory.Sequence("Account {}".format)
    currency = "EUR"
    timezone = "Europe/Paris"
    country = "FR"


class LocationFactory(factory.django.DjangoModelFactory[Location]):
    """A place of an account."""

    class Meta:
        model = Location

    account = factory.SubFactory(AccountFactory)
    number = factory.LazyAttribute(
        lambda made: Location.objects.for_account(made.account).count() + 1
    )
    name = factory.Sequence("Location {}".format)
    timezone = "Europe/Paris"
    country = "FR"


class ClientFactory(factory.django.DjangoModelFactory[Client]):
    """An API application."""

    class Meta:
        model = Client

    name = factory.Sequence("Client {}".format)

    @classmethod
    def _create(cls, model_class: type[Client], *args: object, **kwargs: str) -> Client:
        return services.create_client(**kwargs)


class ConnectionFactory(factory.django.DjangoModelFactory[Connection]):
    """A client's grant on one location; ``account_level=True`` for the whole account."""

    class Meta:
        model = Connection

    class Params:
        account_level = factory.Trait(
            location=None, scope="account[orders.write,all_customer_lists.write]"
        )

    account = factory.SubFactory(AccountFactory)
    location = factory.SubFactory(LocationFactory, account=factory.SelfAttribute("..account"))
    client = factory.SubFactory(ClientFactory)
    scope = "location[orders.write,all_customer_lists.write]"

"""Callbacks and events for tests."""

import factory

from accounts.factories import ConnectionFactory
from callbacks.models import Callback, Event


class CallbackFactory(factory.django.DjangoModelFactory[Callback]):
    """A callback that hears of customers and asks for its events by itself."""

    class Meta:
        model = Callback

    connection = factory.SubFactory(ConnectionFactory)
    account = factory.SelfAttribute("connection.account")
    url = None
    events = factory.LazyFunction(
        lambda: {
            "customer": ["create", "update"],
            "order": ["create", "update"],
            "customer_list": ["update"],
        }
    )


class EventFactory(factory.django.DjangoModelFactory[Event]):
    """A customer just created; ``resource_id`` and ``version`` say which and when."""

    class Meta:
        model = Event

    connection = factory.SubFactory(ConnectionFactory)
    account = factory.SelfAttribute("connection.account")
    resource_type = "customer"
    event_type = "create"
    resource_id = factory.Sequence(lambda number: number + 1)
    version = 0
    customer_list_id = 1
    new_state = factory.LazyFunction(lambda: {"first_name": "Jimmy"})
    due_at = None

"""Jobs for tests."""

from typing import Any

import factory

from transfer.models import Job, State


class JobFactory(factory.django.DjangoModelFactory[Job]):
    """An import that is done."""

    class Meta:
        model = Job

    account: Any = factory.SelfAttribute("customer_list.account")
    kind = "import"
    title = "customers.csv"
    state = State.DONE
    user_name = "marie"
    options: Any = factory.LazyFunction(lambda: {"layout": {"format": "csv", "columns": ["email"]}})
    total = 100
    done = 100
    counts: Any = factory.LazyFunction(lambda: {"created": 99, "refused": 1})

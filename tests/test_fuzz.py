"""Calls made up from the API's own document, good ones and bad ones (schemathesis).

A short run in the suite; ``HUB_FUZZ_EXAMPLES=500 ./script/test tests/test_fuzz.py`` is a long one.
"""

import copy
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.openapi.checks import RejectedPositiveData

from accounts.tokens import issue_token
from hubcustomers.public_ids import cursor_ids, loyalty_operation_ids, order_ids
from loyalty.factories import post
from orders.factories import place_order
from reference.schema import document

EXAMPLES = int(os.environ.get("HUB_FUZZ_EXAMPLES", "8"))
OPERATIONS = [
    pytest.param(path, method, mode, id=f"{operation['operationId']}-{mode.value}")
    for path, methods in document()["paths"].items()
    # Pages, and calls with credentials of another kind, have tests of their own.
    if path.startswith("/v1/")
    for method, operation in methods.items()
    for mode in GenerationMode
    # Where nothing is given, nothing can be given badly.
    if mode.is_positive or operation["parameters"] or "requestBody" in operation
]
# What depends on the other rows, or on more than one field: no schema can say it.
_DEPENDS = {
    "has already been taken",
    "doesn't exist",
    "doesn't exist in this account",
    "doesn't exist in this customer list",
    "came with another request before",
    "is not a key of deals",
    "is required",
}
_COMBINED = ("can't be combined with ", "is too large", "would take the balance out")


@pytest.fixture
def made_up_calls(bistro, customer_list, customer, card) -> Iterator[Any]:
    """The document, knowing which objects there are; calls go to the application itself."""
    operation = post(card, "4.2", "Points earned")
    order = place_order(bistro, customer)
    known = {
        "account_id": bistro.account.public_id,
        "location_id": bistro.location.public_id,
        "customer_list_id": customer_list.public_id,
        "customer_id": customer.public_id,
        "loyalty_card_id": card.public_id,
        "operation_id": loyalty_operation_ids.encode(operation.id),
        "order_id": order_ids.encode(order.id),
        "event_id": "aaaaa",
        "cursor": cursor_ids.encode(7),
        "after": "2020-01-18T17:15:11+01:00",
        "before": "2020-01-18T17:15:11Z",
    }
    config = SchemathesisConfig.from_dict({"generation": {"with-security-parameters": False}})
    schema = schemathesis.openapi.from_dict(_knowing(known), config=config)
    schema.app = get_wsgi_application()
    schema.hook(filter_case)
    schema.hook(filter_failure)
    # The calls of one test share its transaction, as those of Django's own test client do.
    request_started.disconnect(close_old_connections)
    request_finished.disconnect(close_old_connections)
    yield schema
    request_started.connect(close_old_connections)
    request_finished.connect(close_old_connections)


def _knowing(known: dict[str, str]) -> dict[str, Any]:
    """Return the document of an account that counts in euros and has just these objects."""
    whole = copy.deepcopy(document())
    for methods in whole["paths"].values():
        for operation in methods.values():
            for parameter in operation["parameters"]:
                name = parameter["name"]
                is_id = parameter["in"] == "path" or name in {"cursor", "after", "before"}
                if is_id:
                    parameter["schema"] = {"type": "string", "enum": [known[name]]}
    return _in_euros(whole)


def _in_euros(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _in_euros(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_in_euros(inner) for inner in value]
    if isinstance(value, str):
        # Every month has 28 days.
        return value.replace("[A-Z]{3}$", "EUR$").replace("[12][0-9]|3[01]", "1[0-9]|2[0-8]")
    return value


def filter_case(context: Any, case: Any) -> bool:
    """Leave out what JSON Schema cannot tell from good numbers: exponents, further digits."""
    return all(re.fullmatch(r"-?[0-9]{1,14}(\.[0-9]{1,6})?", repr(x)) for x in _floats(case.body))


def _floats(value: Any) -> Iterator[float]:
    if isinstance(value, float):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _floats(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _floats(inner)


def filter_failure(context: Any, failure: Any, case: Any, response: Any) -> bool:
    """Drop the complaint that good data was refused, where other rows or fields are the reason."""
    if not (isinstance(failure, RejectedPositiveData) and response.status_code == 422):
        return True
    return not all(
        fault["field"] == "url"
        or fault["message"] in _DEPENDS
        or fault["message"].startswith(_COMBINED)
        for fault in response.json()["errors"]
    )


@pytest.mark.parametrize(("path", "method", "mode"), OPERATIONS)
def test_every_answer_is_as_documented(
    path: str, method: str, mode: GenerationMode, made_up_calls: Any, bistro
) -> None:
    token = issue_token(bistro)

    @given(case=made_up_calls[path][method.upper()].as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=EXAMPLES < 100,
        database=None,
        phases=[Phase.explicit, Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    def hold(case: Any) -> None:
        case.call_and_validate(headers={"X-Access-Token": token})

    hold()

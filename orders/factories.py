"""Orders for tests."""

from typing import Any

from accounts.models import Connection
from customers.models import Customer
from orders import services
from orders.reads import OrderRow
from orders.serializers import OrderSerializer


def no_operations(placed: services.PlacedOrder, operations: list[Any]) -> list[Any]:
    """Run no loyalty operations."""
    return []


def place_order(
    connection: Connection, customer: Customer | None = None, *, price: str = "10.00", **body: Any
) -> OrderRow:
    """Place an order of one item at the connection's location, or a guest's order."""
    account, location = connection.account, connection.location
    item = {"product_name": "Margarita", "price": f"{price} {account.currency}", "quantity": "1"}
    given = {"status": "new", "items": [item], **body}
    if customer is not None:
        given["customer_id"] = customer.public_id
    data = OrderSerializer.read_at(given, currency=account.currency, zone=location.timezone)
    return services.create_order(connection, location, data, run_operations=no_operations)

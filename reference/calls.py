"""What each call of the API does: its words, filters, body, answer and example.

A route that has no entry here fails a test, as does an entry without a route.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from accounts.oauth.viewsets import OAuthViewSet
from accounts.viewsets import AccountViewSet, LocationViewSet
from callbacks.serializers import CallbackSerializer
from callbacks.viewsets import CallbackViewSet, EventViewSet
from customers.serializers import CustomerListSerializer, CustomerSerializer
from customers.viewsets import CustomerListViewSet, CustomerViewSet
from loyalty.orders import LoyaltyOrderViewSet
from loyalty.serializers import (
    LoyaltyCardSerializer,
    LoyaltyCardUpdateSerializer,
    LoyaltyOperationSerializer,
)
from loyalty.viewsets import LoyaltyCardViewSet, LoyaltyOperationViewSet
from orders.serializers import OrderSerializer, OrderUpdateSerializer
from reference import examples
from reference.shapes import Schema, array, ref

LISTS, CUSTOMERS, CARDS = "Customer lists", "Customers", "Loyalty cards"
OPERATIONS, ORDERS = "Loyalty operations", "Orders"
EVENTS, PLACES, OAUTH = "Callbacks and events", "Accounts and locations", "OAuth"
# In the order of the document.
TAGS = (LISTS, CUSTOMERS, CARDS, OPERATIONS, ORDERS, EVENTS, PLACES, OAUTH)


@dataclass(frozen=True)
class Call:
    """One call, whatever forms its URL has.

    Attributes:
        name: The operation's id, in snake case.
        tag: The chapter it stands in.
        summary: What it does, in a few words.
        answer: The shape of the answer.
        text: What else there is to say.
        body: The serializer that reads the body, or the name of a shape that may come as JSON
            and as a form; None where there is none to read.
        partial: Only the fields in the body change.
        filters: The query parameters besides ``cursor`` and ``count``.
        sent: An example of the body.
        answered: An example of the answer.
    """

    name: str
    tag: str
    summary: str
    answer: Schema
    text: str = ""
    body: type[Any] | str | None = None
    partial: bool = False
    filters: Mapping[str, str] = field(default_factory=dict)
    sent: Any = None
    answered: Any = None

    @property
    def paged(self) -> bool:
        """Return whether the answer is a page of an index."""
        return self.answer.get("type") == "array"


_WILDCARDS = "Wildcards (`*`) stand for any run of characters, anywhere, at most 8 times."

CALLS: dict[tuple[type[Any], str], Call] = {
    # --- customer lists (spec 1) --------------------------------------------------------
    (CustomerListViewSet, "retrieve"): Call(
        "retrieve_customer_list",
        LISTS,
        "Retrieve a customer list",
        ref("CustomerList"),
        answered=examples.LIST,
    ),
    (CustomerListViewSet, "list"): Call(
        "list_customer_lists",
        LISTS,
        "List customer lists",
        array(ref("CustomerListInIndex")),
        "Of a location: its own lists and those of its account. Of an account: those of the"
        " whole account. Newest first.",
        answered=examples.LISTS,
    ),
    (CustomerListViewSet, "create"): Call(
        "create_customer_list",
        LISTS,
        "Create a customer list",
        ref("CustomerList"),
        "A name is unique within a location; one of the whole account is unique among all lists"
        " of the account. Needs `all_customer_lists.write`.",
        body=CustomerListSerializer,
        sent={"name": "Web customers"},
        answered={"id": "x3w9d", "name": "Web customers"},
    ),
    (CustomerListViewSet, "update"): Call(
        "update_customer_list",
        LISTS,
        "Rename a customer list",
        ref("CustomerList"),
        "Needs `all_customer_lists.write`; a list of the whole account needs an account's token.",
        body=CustomerListSerializer,
        partial=True,
        sent={"name": "New customers"},
        answered={"id": "apm3s", "name": "New customers"},
    ),
    (CustomerListViewSet, "destroy"): Call(
        "delete_customer_list",
        LISTS,
        "Delete a customer list",
        ref("Nothing"),
        "Its customers, their cards and operations go with it; orders stay. No event is fired."
        " Needs `all_customer_lists.write`.",
        answered={},
    ),
    # --- customers (spec 2) -------------------------------------------------------------
    (CustomerViewSet, "retrieve"): Call(
        "retrieve_customer",
        CUSTOMERS,
        "Retrieve a customer",
        ref("Customer"),
        answered=examples.CUSTOMER,
    ),
    (CustomerViewSet, "list"): Call(
        "list_customers",
        CUSTOMERS,
        "List customers",
        array(ref("Customer")),
        "Oldest first. Several filters must all match.",
        filters={
            "private_ref": "Customers to whom the calling client gave this ref, exactly.",
            "email": f"Capital letters do not count. {_WILDCARDS}",
            "phone": f"Read as phone numbers are read when they are kept. {_WILDCARDS}",
        },
        answered=[examples.CREATED_CUSTOMER],
    ),
    (CustomerViewSet, "create"): Call(
        "create_customer",
        CUSTOMERS,
        "Create a customer",
        ref("Customer"),
        "No field is mandatory.",
        body=CustomerSerializer,
        sent=examples.NEW_CUSTOMER,
        answered=examples.CREATED_CUSTOMER,
    ),
    (CustomerViewSet, "update"): Call(
        "update_customer",
        CUSTOMERS,
        "Update a customer",
        ref("Customer"),
        "Only the fields in the body change. Fields that were anonymised stay null, without an"
        " error.",
        body=CustomerSerializer,
        partial=True,
        sent={"first_name": "Claude"},
        answered={**examples.CREATED_CUSTOMER, "first_name": "Claude"},
    ),
    (CustomerViewSet, "anonymise"): Call(
        "anonymise_customer",
        CUSTOMERS,
        "Anonymise a customer",
        ref("Customer"),
        "Erases the customer's personal information for good, in orders and events too. A second"
        " call changes nothing.",
        answered=examples.ANONYMISED_CUSTOMER,
    ),
    # --- loyalty cards (spec 3) ---------------------------------------------------------
    (LoyaltyCardViewSet, "retrieve"): Call(
        "retrieve_loyalty_card",
        CARDS,
        "Retrieve a loyalty card",
        ref("LoyaltyCard"),
        answered=examples.CARD,
    ),
    (LoyaltyCardViewSet, "list"): Call(
        "list_loyalty_cards",
        CARDS,
        "List loyalty cards",
        array(ref("LoyaltyCard")),
        "Oldest first. Filters match exactly; `?name=` finds the cards whose name is empty.",
        filters={
            "name": "The scheme.",
            "ref": "What is printed on the card.",
            "customer_id": "Whose cards.",
        },
        answered=examples.CARDS,
    ),
    (LoyaltyCardViewSet, "create"): Call(
        "create_loyalty_card",
        CARDS,
        "Create a loyalty card",
        ref("LoyaltyCard"),
        "Its balance is `0.0`; operations move it.",
        body=LoyaltyCardSerializer,
        sent={"customer_id": "ve343", "name": "", "ref": "av-33489"},
        answered={**examples.CARD, "balance": "0.0"},
    ),
    (LoyaltyCardViewSet, "update"): Call(
        "update_loyalty_card",
        CARDS,
        "Update a loyalty card",
        ref("LoyaltyCard"),
        "Only the name and the ref change.",
        body=LoyaltyCardUpdateSerializer,
        partial=True,
        sent={"ref": "av-20103"},
        answered={**examples.CARD, "ref": "av-20103"},
    ),
    # --- loyalty operations (spec 4) ----------------------------------------------------
    (LoyaltyOperationViewSet, "retrieve"): Call(
        "retrieve_loyalty_operation",
        OPERATIONS,
        "Retrieve an operation",
        ref("LoyaltyOperation"),
        answered=examples.OPERATION,
    ),
    (LoyaltyOperationViewSet, "list"): Call(
        "list_loyalty_operations",
        OPERATIONS,
        "List operations",
        array(ref("LoyaltyOperation")),
        "Newest first: the first row's `new_balance` is the card's balance.",
        answered=[examples.OPERATION],
    ),
    (LoyaltyOperationViewSet, "create"): Call(
        "create_loyalty_operation",
        OPERATIONS,
        "Create an operation",
        ref("LoyaltyOperation"),
        "Moves the card's balance by `delta`. An operation is never changed and never deleted:"
        " to void one, create its opposite. Send an `Idempotency-Key` to be able to repeat the"
        " call without moving the points twice.",
        body=LoyaltyOperationSerializer,
        sent={"order_id": "mapcm", "reason": "Points earned", "delta": "4.2"},
        answered=examples.OPERATION,
    ),
    # --- orders -------------------------------------------------------------------------
    (LoyaltyOrderViewSet, "retrieve"): Call(
        "retrieve_order", ORDERS, "Retrieve an order", ref("Order"), answered=examples.ORDER
    ),
    (LoyaltyOrderViewSet, "list"): Call(
        "list_orders",
        ORDERS,
        "List orders",
        array(ref("Order")),
        "Newest first.",
        filters={
            "private_ref": "Orders to which the calling client gave this ref, exactly.",
            "status": "Orders in this status.",
            "customer_id": "Whose orders.",
            "created_by": "The name of the client that placed them.",
            "after": "Created at this time or later (ISO 8601).",
            "before": "Created before this time (ISO 8601).",
        },
        answered=[examples.ORDER],
    ),
    (LoyaltyOrderViewSet, "create"): Call(
        "create_order",
        ORDERS,
        "Create an order",
        ref("Order"),
        "The total is computed; one in the body is ignored. The customer is named by"
        " `customer_id`, by `customer_list_id` and `customer_private_ref`, or a guest's data is"
        " given in `customer`. The order keeps the customer as it is now. `loyalty_operations`"
        " are posted with the order or not at all.",
        body=OrderSerializer,
        sent=examples.NEW_ORDER,
        answered=examples.ORDER,
    ),
    (LoyaltyOrderViewSet, "update"): Call(
        "update_order",
        ORDERS,
        "Update an order",
        ref("Order"),
        "Everything else stays as the order was placed.",
        body=OrderUpdateSerializer,
        partial=True,
        sent={"status": "accepted"},
        answered={**examples.ORDER, "status": "accepted"},
    ),
    # --- callbacks and events -----------------------------------------------------------
    (CallbackViewSet, "retrieve"): Call(
        "retrieve_callback",
        EVENTS,
        "Retrieve the callback",
        ref("Callback"),
        "Of the token's own connection. Without one: no URL and no events.",
        answered=examples.CALLBACK,
    ),
    (CallbackViewSet, "create"): Call(
        "set_callback",
        EVENTS,
        "Set the callback",
        ref("Callback"),
        "Replaces the one there is. With a URL each event is sent there by POST, as it is"
        " retrieved, signed in the header `X-HubRise-Hmac-SHA256`; without one, ask for events.",
        body=CallbackSerializer,
        sent=examples.CALLBACK,
        answered=examples.CALLBACK,
    ),
    (CallbackViewSet, "destroy"): Call(
        "delete_callback", EVENTS, "Delete the callback", ref("Nothing"), answered={}
    ),
    (EventViewSet, "list"): Call(
        "list_events",
        EVENTS,
        "List events",
        array(ref("Event")),
        "Those that are not acknowledged yet, oldest first, without their states.",
        answered=[examples.EVENT],
    ),
    (EventViewSet, "retrieve"): Call(
        "retrieve_event",
        EVENTS,
        "Retrieve an event",
        ref("EventWithStates"),
        "With the state of the resource after the change and, for an update, before it.",
        answered=examples.EVENT_WITH_STATES,
    ),
    (EventViewSet, "destroy"): Call(
        "acknowledge_event", EVENTS, "Acknowledge an event", ref("Nothing"), answered={}
    ),
    # --- accounts and locations ---------------------------------------------------------
    (AccountViewSet, "retrieve"): Call(
        "retrieve_account",
        PLACES,
        "Retrieve the account",
        ref("Account"),
        answered=examples.ACCOUNT,
    ),
    (AccountViewSet, "list"): Call(
        "list_accounts",
        PLACES,
        "List accounts",
        array(ref("Account")),
        "A token reaches exactly one.",
        answered=[examples.ACCOUNT],
    ),
    (LocationViewSet, "retrieve"): Call(
        "retrieve_location",
        PLACES,
        "Retrieve a location",
        ref("Location"),
        answered=examples.LOCATION,
    ),
    (LocationViewSet, "list"): Call(
        "list_locations",
        PLACES,
        "List locations",
        array(ref("Location")),
        "Those that the token reaches.",
        answered=[examples.LOCATION],
    ),
    # --- OAuth --------------------------------------------------------------------------
    (OAuthViewSet, "token"): Call(
        "exchange_code",
        OAUTH,
        "Exchange a code for a token",
        ref("Grant"),
        "Once, within ten minutes. The client's credentials come by HTTP Basic or among the"
        " parameters, which may be JSON, a form or the query string.",
        body="CodeRequest",
        sent=examples.CODE,
        answered=examples.GRANT,
    ),
    (OAuthViewSet, "revoke"): Call(
        "revoke_token",
        OAUTH,
        "Revoke a token",
        ref("Nothing"),
        "Who holds a token may give it back, with or without the client's credentials. One that"
        " nobody knows is no error.",
        body="RevokeRequest",
        sent={"token": examples.GRANT["access_token"]},
        answered={},
    ),
}

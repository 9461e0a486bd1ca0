"""The words of the document that belong to no single call."""

INTRODUCTION = """\
Customers, loyalty cards and orders of shops and restaurants, for tills, web shops and kiosks.

Every call carries the token of a connection in the header `X-Access-Token`. Bodies and answers are
JSON; every success is a `200` with a body. `PUT` and `PATCH` mean the same: only the fields in the
body change. Unknown fields are ignored, and so are those that only the hub writes.

Decimals are strings in plain notation (`"13.5"`); a JSON number without an exponent is read too,
exactly as written. Money is `"28.40 EUR"`, times are ISO 8601 with an offset.
"""

PATH_PARAMETERS = {
    "customer_list_id": "The customer list.",
    "customer_id": "The customer.",
    "loyalty_card_id": "The loyalty card.",
    "operation_id": "The operation.",
    "order_id": "The order.",
    "location_id": "The location, like `3r4s3-1`.",
    "account_id": "The account, like `3r4s3`.",
    "event_id": "The event.",
}

ERRORS = {
    400: "The body, `cursor` or `count` cannot be read.",
    401: "The token is missing, unknown or revoked, or its connection is blocked.",
    403: "The token's scope or access level does not allow this.",
    404: "There is no such object, or the token cannot reach it: the two look the same.",
    409: "Another request holds the same object for too long.",
    413: "The body is larger than 1 MiB.",
    415: "The body is not JSON.",
    422: "Fields break their rules; `errors` names each.",
    429: "Too many calls.",
    500: "A failure of the hub; nothing was half-written.",
    503: "The hub is overloaded or cannot reach its database.",
}

_CUSTOM = "Additional data. An update merges it key by key; a key set to null is removed."
_PERSON = {
    "email": "E-mail, kept as given.",
    "first_name": "First name.",
    "last_name": "Last name.",
    "gender": "`male` or `female`.",
    "birth_date": "`YYYY-MM-DD`.",
    "company_name": "Company name.",
    "phone": "Kept in E.164 where the number can be read, else as it came.",
    "address_1": "First line of the address.",
    "address_2": "Second line of the address.",
    "postal_code": "Postal code.",
    "city": "City.",
    "state": "State.",
    "country": "Two letters of ISO 3166-1; small ones are taken too.",
    "latitude": "Of the address.",
    "longitude": "Of the address.",
    "delivery_notes": "What helps with the delivery.",
    "phone_access_code": "To be typed after a masked phone number has answered.",
    "sms_marketing": "Whether the customer agrees to marketing by SMS.",
    "email_marketing": "Whether the customer agrees to marketing by e-mail.",
    "custom_fields": _CUSTOM,
}
_NAMED = {"name": "Shown to people.", "ref": "The client's own code."}

# Of the bodies: the component, the field, a sentence.
BODY_FIELDS: dict[str, dict[str, str]] = {
    "CustomerListRequest": {"name": "The name of the list, without blanks around it."},
    "CustomerRequest": {
        "private_ref": "The client's own id, unique in the list and seen by no other client.",
        **_PERSON,
    },
    "GuestRequest": {**_PERSON, "custom_fields": "Additional data, at most 8 KB as JSON."},
    "LoyaltyCardRequest": {
        "customer_id": "A customer of the list.",
        "name": 'The scheme, unique among the customer\'s cards; `""` is one too.',
        "ref": "What is printed on the card, unique among the list's cards of that name.",
    },
    "LoyaltyCardUpdateRequest": {
        "name": "The scheme, unique among the customer's cards.",
        "ref": "What is printed on the card, unique among the list's cards of that name.",
    },
    "LoyaltyOperationRequest": {
        "order_id": "An order of the account that this belongs to.",
        "reason": "What the customer reads.",
        "delta": "Points to add; a negative number removes points.",
    },
    "OrderRequest": {
        "status": "Where the order is.",
        "ref": "What staff call the order.",
        "private_ref": "The client's own id, unique in the location, seen by no other client.",
        "service_type": "How the order reaches the customer.",
        "service_type_ref": "The client's code of the service type.",
        "expected_time": "When the customer expects it; without an offset the location's time.",
        "confirmed_time": "When it will be ready.",
        "customer_notes": "What the customer asks for.",
        "seller_notes": "What the shop answers.",
        "collection_code": "What the customer shows.",
        "coupon_codes": "Codes that the customer gave.",
        "items": "What was ordered.",
        "deals": "The deals that items belong to, under keys of your choice.",
        "discounts": "Taken off the total.",
        "charges": "Added to the total.",
        "payments": "What was paid.",
        "loyalty_operations": "Points to post with the order, to the customer's cards.",
        "custom_fields": "Additional data, at most 8 KB as JSON.",
        "customer_id": "The customer, by id.",
        "customer_list_id": "With `customer_private_ref`: the list the customer is in.",
        "customer_private_ref": "With `customer_list_id`: the client's own id of the customer.",
        "customer": "The data of a guest, who is in no list.",
    },
    "OrderUpdateRequest": {
        "status": "Where the order is.",
        "private_ref": "The client's own id; null removes it.",
        "confirmed_time": "When it will be ready.",
        "seller_notes": "What the shop answers.",
        "collection_code": "What the customer shows.",
        "custom_fields": _CUSTOM,
    },
    "ItemRequest": {
        "product_name": "What it is called.",
        "sku_name": "The variant, like a size.",
        "sku_ref": "The client's code of the variant.",
        "price": "Of one, without options.",
        "quantity": "How many, or how much.",
        "tax_rate": "In percent.",
        "customer_notes": "What the customer asks for.",
        "points_earned": "For information; post points with `loyalty_operations`.",
        "points_used": "For information; post points with `loyalty_operations`.",
        "deal_line": "Its place in a deal.",
        "options": "What it is made with or without.",
    },
    "OptionRequest": {
        "option_list_name": "What is chosen from, like Extras.",
        "name": "What was chosen.",
        "ref": "The client's code.",
        "price": "Added to the item's price, for each of its quantity.",
        "removed": "Whether the customer wants it left out.",
    },
    "DealLineRequest": {
        "deal_key": "A key of `deals`.",
        "label": "Its name in the deal.",
        "pricing_effect": "What the deal does to the price; kept, not computed.",
        "pricing_value": "An amount, or for `percentage_off` percents.",
    },
    "DealRequest": _NAMED,
    "DiscountRequest": {**_NAMED, "price_off": "The amount."},
    "ChargeRequest": {**_NAMED, "price": "The amount.", "tax_rate": "In percent."},
    "PaymentRequest": {
        **_NAMED,
        "amount": "What was paid; below zero where it was given back.",
        "info": "Additional data, at most 8 KB as JSON.",
    },
    "OrderOperationRequest": {
        "name": "The card's name.",
        "ref": "Of the card that is made where the customer has none of that name.",
        "delta": "Points to add; a negative number removes points.",
        "reason": "What the customer reads.",
    },
    "CallbackRequest": {
        "url": "Where events are sent; a public address. Null: ask for events.",
        "events": "What to hear of. `catalog`, `delivery`, `inventory` and `location` are silent.",
    },
}

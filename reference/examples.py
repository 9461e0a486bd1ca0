"""The examples of the spec, completed where it abbreviates."""

from typing import Any

Example = dict[str, Any]

LIST: Example = {"id": "ag8u4", "name": "Online customers"}
LISTS: list[Example] = [
    {"id": "apm3s", "name": "Online customers", "created_at": "2020-06-25T11:43:51+02:00"},
    {"id": "s7ma5", "name": "POS customers", "created_at": "2020-05-19T13:23:10+02:00"},
]
CUSTOMER: Example = {
    "id": "jdj9v",
    "customer_list_id": "smpse3",
    "anonymised": False,
    "private_ref": None,
    "email": "jimmy.watson@dummy-mail.org",
    "first_name": "Jimmy",
    "last_name": "Watson",
    "gender": "male",
    "birth_date": None,
    "company_name": None,
    "phone": "+44123456789",
    "address_1": "1 Town Road",
    "address_2": None,
    "postal_code": "N9 0HL",
    "city": "London",
    "state": None,
    "country": "GB",
    "latitude": "45.7571206",
    "longitude": "4.8307575",
    "delivery_notes": None,
    "sms_marketing": False,
    "email_marketing": True,
    "nb_orders": 2,
    "order_total": "28.40 GBP",
    "first_order_date": "2020-01-18T17:15:11+02:00",
    "last_order_date": "2020-01-23T10:13:21+02:00",
    "loyalty_cards": [{"id": "slp8q", "name": "", "ref": "av-33489", "balance": "13.5"}],
    "custom_fields": {},
    "phone_access_code": None,
    "created_at": "2020-01-18T17:02:40+02:00",
}
NEW_CUSTOMER: Example = {
    "private_ref": "2213312",
    "email": "charles.moore@dummy-mail.org",
    "first_name": "Charles",
    "last_name": "Moore",
    "gender": "male",
    "birth_date": "1999-01-01",
    "company_name": "HubRise",
    "phone": "+44123456789",
    "address_1": "1 avenue des Champs Elysées",
    "address_2": None,
    "postal_code": "75001",
    "city": "Paris",
    "state": None,
    "country": "FR",
    "latitude": "48.8589507",
    "longitude": "2.2770205",
}
CREATED_CUSTOMER: Example = {
    **CUSTOMER,
    "id": "asdf2",
    "customer_list_id": "ag8u4",
    **NEW_CUSTOMER,
    "email_marketing": False,
    "nb_orders": 0,
    "order_total": "0.00 EUR",
    "first_order_date": None,
    "last_order_date": None,
    "loyalty_cards": [],
}
_ERASED = (
    "email first_name last_name gender birth_date company_name phone address_1 address_2"
    " postal_code latitude longitude delivery_notes phone_access_code"
).split()
ANONYMISED_CUSTOMER: Example = {
    **CREATED_CUSTOMER,
    "anonymised": True,
    **dict.fromkeys(_ERASED),
}
CARD: Example = {
    "id": "slp8q",
    "customer_id": "ve343",
    "name": "",
    "ref": "av-33489",
    "balance": "13.5",
}
CARDS: list[Example] = [
    CARD,
    {"id": "65rsp", "customer_id": "ve343", "name": "kiosk", "ref": "31", "balance": "1.5"},
]
OPERATION: Example = {
    "id": "22kmp",
    "customer_id": "ve343",
    "created_at": "2020-01-18T12:37:21+02:00",
    "order_location_id": "psm98-1",
    "order_id": "mapcm",
    "reason": "Points earned",
    "delta": "4.2",
    "new_balance": "17.7",
}
NEW_ORDER: Example = {
    "status": "new",
    "private_ref": "till-1-4711",
    "service_type": "collection",
    "items": [
        {
            "product_name": "Margarita",
            "price": "9.00 EUR",
            "quantity": "2",
            "options": [{"option_list_name": "Extras", "name": "Olives", "price": "0.50 EUR"}],
        }
    ],
    "discounts": [{"name": "Welcome", "price_off": "1.00 EUR"}],
    "customer_id": "asdf2",
    "loyalty_operations": [{"name": "", "delta": "18", "reason": "Points earned"}],
}
ORDER: Example = {
    "id": "mapcm",
    "location_id": "psm98-1",
    "ref": None,
    "private_ref": "till-1-4711",
    "status": "new",
    "service_type": "collection",
    "service_type_ref": None,
    "created_at": "2020-01-18T12:37:21+01:00",
    "created_by": "Till",
    "expected_time": None,
    "confirmed_time": None,
    "customer_notes": None,
    "seller_notes": None,
    "collection_code": None,
    "coupon_codes": [],
    "items": [
        {
            "product_name": "Margarita",
            "sku_name": None,
            "sku_ref": None,
            "price": "9.00 EUR",
            "quantity": "2.0",
            "subtotal": "19.00 EUR",
            "tax_rate": None,
            "customer_notes": None,
            "points_earned": None,
            "points_used": None,
            "deal_line": None,
            "options": [
                {
                    "option_list_name": "Extras",
                    "name": "Olives",
                    "ref": None,
                    "price": "0.50 EUR",
                    "removed": False,
                }
            ],
        }
    ],
    "deals": {},
    "discounts": [{"name": "Welcome", "ref": None, "price_off": "1.00 EUR"}],
    "charges": [],
    "payments": [],
    "total": "18.00 EUR",
    "customer": {
        "id": "asdf2",
        "customer_list_id": "ag8u4",
        "anonymised": False,
        **NEW_CUSTOMER,
        "delivery_notes": None,
        "sms_marketing": False,
        "email_marketing": False,
        "custom_fields": {},
        "phone_access_code": None,
    },
    "loyalty_operations": [
        {
            "name": "",
            "ref": None,
            "delta": "18.0",
            "reason": "Points earned",
            "new_balance": "18.0",
        }
    ],
    "custom_fields": {},
}
ACCOUNT: Example = {"id": "psm98", "name": "Bistro", "currency": "EUR"}
LOCATION: Example = {
    "id": "psm98-1",
    "name": "Paris",
    "account": ACCOUNT,
    "address": None,
    "postal_code": None,
    "city": None,
    "country": "FR",
    "timezone": {"name": "Europe/Paris", "offset": 3600},
    "custom_fields": {},
}
CALLBACK: Example = {
    "url": "https://till.example.com/events",
    "events": {"customer": ["create", "update"], "order": ["create"]},
}
EVENT: Example = {
    "id": "k7fs2",
    "created_at": "2020-01-18T12:37:21+01:00",
    "resource_type": "customer",
    "event_type": "update",
    "customer_list_id": "ag8u4",
    "customer_id": "asdf2",
}
EVENT_WITH_STATES: Example = {
    **EVENT,
    "new_state": {**CREATED_CUSTOMER, "first_name": "Claude"},
    "previous_state": CREATED_CUSTOMER,
}
CODE: Example = {
    "client_id": "85f5e2f9ad9a3f02cc857755",
    "client_secret": "5054c3602b8c0f0a6a1f3d6c1d5d6a0b",
    "code": "215634d139bbfd3801a3206a866a3dd2fefd2d75",
}
GRANT: Example = {
    "access_token": "712a1e8f40301c911ab4d66ab7843cfebdd8bb03",
    "token_type": "Bearer",
    "scope": "location[customer_list.write,orders.read]",
    "account_id": "psm98",
    "location_id": "psm98-1",
    "customer_list_id": "ag8u4",
    "account_name": "Bistro",
    "location_name": "Paris",
    "customer_list_name": "Online customers",
    "app_instance_id": "npxkq",
    "user_id": "sigix",
}

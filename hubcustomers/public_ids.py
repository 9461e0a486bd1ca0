"""The ids that clients see: short, opaque, and made from the row's number.

No column holds them. They are no secret either: what a token may reach is decided by the
account, never by knowing an id (companion, section 4).
"""

from functools import lru_cache
from hashlib import sha256

from sqids import Sqids

_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
_LARGEST = 2**63 - 1


class PublicId:
    """The public ids of one resource: lower-case letters and digits, at least five."""

    def __init__(self, resource: str) -> None:
        """Take the resource's name; each resource has an alphabet of its own."""
        shuffled = sorted(_CHARACTERS, key=lambda c: sha256(f"{resource}:{c}".encode()).digest())
        sqids = Sqids(alphabet="".join(shuffled), min_length=5)

        # Ten microseconds each, a hundred on a page: worth remembering.
        @lru_cache(maxsize=65536)
        def encode(number: int) -> str:
            return sqids.encode([number])

        @lru_cache(maxsize=65536)
        def decode(public_id: str) -> int | None:
            # The longest bigint takes 13 characters; longer text is not worth decoding.
            numbers = sqids.decode(public_id) if 5 <= len(public_id) <= 16 else []
            if len(numbers) != 1 or numbers[0] > _LARGEST:
                return None
            # Several texts decode to one number; only the one we give out is an id.
            return numbers[0] if sqids.encode(numbers) == public_id else None

        self.encode = encode
        self.decode = decode


account_ids = PublicId("account")
connection_ids = PublicId("connection")
user_ids = PublicId("user")
customer_list_ids = PublicId("customer_list")
customer_ids = PublicId("customer")
loyalty_card_ids = PublicId("loyalty_card")
loyalty_operation_ids = PublicId("loyalty_operation")
order_ids = PublicId("order")
event_ids = PublicId("event")
cursor_ids = PublicId("cursor")


def location_id(account: int, number: int) -> str:
    """Return a location's id: the account's, a dash, its number in the account."""
    return f"{account_ids.encode(account)}-{number}"


def parse_location_id(public_id: str) -> tuple[int, int] | None:
    """Return the account and the number in a location's id, None where it is malformed."""
    account_part, _, number = public_id.partition("-")
    account = account_ids.decode(account_part)
    if account is None or not (number.isascii() and number.isdigit() and len(number) <= 9):
        return None
    return None if number.startswith("0") else (account, int(number))

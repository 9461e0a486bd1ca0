"""Accounts, locations, clients and connections: found by name or made."""

import secrets
from typing import Any

from django.db import connection as database
from django.db import transaction
from django.db.models import Max

from accounts import tokens
from accounts.models import Account, Client, Connection, Location
from hubcustomers.backoffice import audit
from hubcustomers.encryption import encrypt
from hubcustomers.tenancy.locks import lock_account

# Any number, the same everywhere: it names the lock under which names are looked up.
_NAMES_LOCK = 7_236_451


def lock_names() -> None:
    """Let nobody else find or make objects by name before the transaction ends."""
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_NAMES_LOCK])


def get_account(name: str, *, currency: str, timezone: str, country: str) -> Account:
    """Return the account of that name; make it where there is none.

    Raises:
        ValidationError: A value for a new account breaks a rule.
    """
    name = name.strip()
    account = Account.objects.filter(name=name).first()
    if account is not None:
        return account
    account = Account(name=name, currency=currency, timezone=timezone, country=country)
    account.full_clean()
    account.save()
    return account


def get_location(account: Account, name: str, *, timezone: str, country: str) -> Location:
    """Return the account's location of that name; make it where there is none.

    Raises:
        ValidationError: A value for a new location breaks a rule.
    """
    name = name.strip()
    location: Location | None = Location.objects.for_account(account).filter(name=name).first()
    if location is not None:
        return location
    return number_location(Location(account=account, name=name, timezone=timezone, country=country))


@transaction.atomic
def number_location(location: Location) -> Location:
    """Save a new location under its account's next number, which is never used again.

    Raises:
        ValidationError: A value breaks a rule, or the name is taken.
    """
    lock_account(location.account_id)
    taken = Location.objects.for_account(location.account_id).aggregate(last=Max("number"))
    location.number = (taken["last"] or 0) + 1
    location.full_clean()
    location.save()
    return location


def get_client(name: str) -> Client:
    """Return the client of that name; make it, with its id and secret, where there is none."""
    name = name.strip()
    client = Client.objects.filter(name=name).first()
    return client or create_client(name)


def create_client(name: str) -> Client:
    """Create a client with a new id and secret.

    Raises:
        ValidationError: The name is blank, too long or taken.
    """
    client = Client(name=name)
    give_credentials(client)
    client.full_clean()
    client.save()
    return client


def give_credentials(client: Client) -> None:
    """Set a new client's id and secret; the caller saves."""
    client.client_id = secrets.token_hex(12)
    client.sealed_secret = encrypt(secrets.token_hex(24))


def rotate_secret(client: Client) -> str:
    """Give the client another secret, from now on; return it, for nobody can read it again.

    Events are signed with it at once, and the old one exchanges no code any more. Tokens
    go on working.
    """
    secret = secrets.token_hex(24)
    client.sealed_secret = encrypt(secret)
    client.save(update_fields=["sealed_secret"])
    tokens.forget_tokens()
    return secret


def create_connection(
    account: Account,
    client: Client,
    *,
    scope: str,
    location: Location | None = None,
    customer_list_id: int | None = None,
    device_id: str = "",
) -> Connection:
    """Connect a client to an account, or to one location of it.

    Raises:
        ValidationError: The scope does not read as one, or its level does not fit.
    """
    connection = Connection(
        account=account,
        client=client,
        location=location,
        scope=scope.replace(" ", ""),
        customer_list_id=customer_list_id,
        device_id=device_id,
    )
    connection.full_clean(exclude=["customer_list"])
    connection.save()
    return connection


def change_grant(
    connection: Connection, *, scope: str, customer_list_id: int | None, user: Any
) -> None:
    """Let an existing connection do what the user has just allowed, and nothing else."""
    given = {"scope": scope, "customer_list_id": customer_list_id}
    changed = [name for name, value in given.items() if getattr(connection, name) != value]
    if not changed:
        return
    for name in changed:
        setattr(connection, name, given[name])
    connection.__dict__.pop("grants", None)
    connection.save(update_fields=changed)
    tokens.forget_tokens()
    fields = [name.removesuffix("_id") for name in changed]
    audit.record(user, connection, "changed", fields=fields)

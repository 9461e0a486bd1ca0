"""What staff allow an application: a code, used once, becomes a connection and its token.

Authorization code flow (companion, section 10).
"""

import secrets
from datetime import timedelta
from typing import Any, NamedTuple

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from accounts import services, tokens
from accounts.models import Account, AuthorizationCode, Client, Connection, Location
from hubcustomers.backoffice import audit
from hubcustomers.exceptions import AccessRefused, DomainError
from hubcustomers.tenancy.locks import lock_account

CODE_LIFE = timedelta(minutes=10)
# A used code that comes again is told so for this long; then nobody knows it any more.
_KEPT = timedelta(days=1)


class CodeRefused(DomainError):
    """The code gives no token; the message says why."""


class Granted(NamedTuple):
    """What a client gets for its code."""

    connection: Connection
    token: str
    user_id: int


@transaction.atomic
def issue_code(
    account: Account,
    client: Client,
    user: Any,
    *,
    scope: str,
    redirect_uri: str,
    location: Location | None = None,
    customer_list_id: int | None = None,
    device_id: str = "",
) -> str:
    """Return a new code for what the user has just allowed; it lives ten minutes.

    Args:
        account: Where the client is let in.
        client: Who is let in.
        user: The staff user who allows it, and may.
        scope: What is allowed; its level fits the location.
        redirect_uri: Where the code is sent.
        location: The one location; None for the whole account.
        customer_list_id: The list of a ``customer_list.*`` permission.
        device_id: The client's name for the device that asked, if it has one.
    """
    codes = AuthorizationCode.objects.for_account(account)
    codes.filter(created_at__lt=timezone.now() - _KEPT).delete()
    code = secrets.token_hex(20)
    AuthorizationCode.objects.create(
        account=account,
        client=client,
        location=location,
        customer_list_id=customer_list_id,
        user=user,
        scope=scope,
        device_id=device_id,
        redirect_uri=redirect_uri,
        code_hash=tokens.hash_of(code),
    )
    return code


@transaction.atomic
def redeem_code(
    client: Client, code: str, *, redirect_uri: str = "", device_id: str = ""
) -> Granted:
    """Exchange a code for a token of the client's connection, which is made if there is none.

    The new grant's scope and list replace those of a connection that exists: the user has
    just allowed them, and sees nothing else on the page.

    Args:
        client: Who asks, and has proved it.
        code: As it was sent.
        redirect_uri: Where it was sent, if the client tells.
        device_id: Of the device, where the client did not name it before.

    Raises:
        CodeRefused: Unknown, another client's, used, too old, or sent elsewhere.
        AccessRefused: The connection is blocked; the code stays good.
    """
    # Of two that come at once, one waits here and then finds the code used.
    row = (
        AuthorizationCode.objects.filter(code_hash=tokens.hash_of(code), client=client)
        .select_related("account", "location", "customer_list", "user")
        .select_for_update(of=("self",))
        .first()
    )
    if row is None:
        raise CodeRefused("The code is unknown.")
    if row.used_at is not None:
        raise CodeRefused("The code has been used already.")
    if row.created_at < timezone.now() - CODE_LIFE or not row.user.is_active:
        raise CodeRefused("The code has expired.")
    if redirect_uri and redirect_uri != row.redirect_uri:
        raise CodeRefused("The redirect_uri is not the one that the code was sent to.")
    connection = _connect(row, device_id=row.device_id or device_id)
    row.used_at = Now()
    row.save(update_fields=["used_at"])
    return Granted(connection, tokens.issue_token(connection), row.user_id)


def find_granted(
    account: Account, client: Client, location: Location | None, device_id: str = ""
) -> Connection | None:
    """Return the connection that a grant for this place would give back, if there is one.

    Where the back-office made several, the first that is not blocked.
    """
    found: Connection | None = (
        Connection.objects.for_account(account)
        .filter(client=client, location=location, device_id=device_id)
        .order_by(F("blocked_at").asc(nulls_first=True), "pk")
        .first()
    )
    return found


def _connect(row: AuthorizationCode, *, device_id: str) -> Connection:
    # Two codes for one place, exchanged at once, must not make two connections.
    lock_account(row.account_id)
    connection = find_granted(row.account, row.client, row.location, device_id)
    if connection is None:
        connection = services.create_connection(
            row.account,
            row.client,
            scope=row.scope,
            location=row.location,
            customer_list_id=row.customer_list_id,
            device_id=device_id,
        )
        audit.record(row.user, connection, "created")
    elif connection.blocked_at is not None:
        raise AccessRefused("The connection is blocked. Unblock it in the back-office first.")
    else:
        services.change_grant(
            connection, scope=row.scope, customer_list_id=row.customer_list_id, user=row.user
        )
    audit.record(row.user, connection, "issued")
    connection.account, connection.location = row.account, row.location
    connection.customer_list = row.customer_list
    return connection

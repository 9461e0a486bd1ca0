"""Accounts, locations, clients, connections, access tokens and staff memberships."""

from functools import cached_property

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.redirect_uris import validate_redirect_uris
from accounts.scopes import Scope, validate_scope
from hubcustomers.backoffice.reach import Role
from hubcustomers.encryption import decrypt
from hubcustomers.exceptions import AccessRefused, ObjectNotFound
from hubcustomers.public_ids import account_ids, connection_ids, location_id
from hubcustomers.tenancy.models import TenantForeignKey, TenantModel, TenantQuerySet
from hubcustomers.validators import validate_country, validate_currency, validate_time_zone


class Account(models.Model):
    """One tenant: a business with its currency and its default time zone and country."""

    name = models.CharField(max_length=255)
    currency = models.CharField(
        max_length=3, validators=[validate_currency], help_text="Three letters, like EUR."
    )
    timezone = models.CharField(
        max_length=64, validators=[validate_time_zone], help_text="Like Europe/Paris."
    )
    country = models.CharField(
        max_length=2, validators=[validate_country], help_text="Two letters, like FR."
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["name"],
                name="accounts_account_name_uniq",
                violation_error_code="name",
                violation_error_message="has already been taken",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        """Return the id that clients see."""
        return account_ids.encode(self.pk)


class Location(TenantModel):
    """One shop, restaurant or site of an account; numbered within the account from 1."""

    number = models.PositiveIntegerField(editable=False)
    name = models.CharField(max_length=255)
    timezone = models.CharField(
        max_length=64, validators=[validate_time_zone], help_text="Like Europe/Paris."
    )
    country = models.CharField(
        max_length=2, validators=[validate_country], help_text="Two letters, like FR."
    )
    address = models.CharField(max_length=255, blank=True)
    postal_code = models.CharField(max_length=255, blank=True)
    city = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "number"], name="accounts_location_number_uniq"
            ),
            models.UniqueConstraint(
                fields=["account", "name"],
                name="accounts_location_name_uniq",
                violation_error_code="name",
                violation_error_message="has already been taken",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def public_id(self) -> str:
        """Return the id that clients see: the account's, a dash, the number."""
        return location_id(self.account_id, self.number)


class Client(models.Model):
    """One API application: a till, a web shop, a kiosk."""

    name = models.CharField(max_length=255)
    client_id = models.CharField(max_length=64, editable=False)
    # Encrypted, not hashed: events are signed with it.
    sealed_secret = models.CharField(max_length=255, editable=False)
    redirect_uris = models.TextField(
        _("redirect URIs"),
        blank=True,
        default="",
        max_length=20_000,
        validators=[validate_redirect_uris],
        help_text=_(
            "One a line. Who allows the application something is sent back to one of these, "
            "and only when the application asks for it letter by letter."
        ),
    )
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["name"],
                name="accounts_client_name_uniq",
                violation_error_code="name",
                violation_error_message="has already been taken",
            ),
            models.UniqueConstraint(fields=["client_id"], name="accounts_client_client_id_uniq"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def client_secret(self) -> str:
        """Return the secret in the clear."""
        return decrypt(self.sealed_secret)

    def may_redirect_to(self, uri: str) -> bool:
        """Return whether the URI is registered, letter by letter."""
        return uri in self.redirect_uris.split()


class Connection(TenantModel):
    """One client's grant on an account, or on one location of it, with a scope."""

    client = models.ForeignKey(Client, on_delete=models.PROTECT)
    location = TenantForeignKey(
        Location,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        help_text="Empty for access to the whole account.",
    )
    scope = models.CharField(
        max_length=1000,
        validators=[validate_scope],
        help_text="Like location[orders.write,all_customer_lists.write].",
    )
    # The one list of a customer_list.* permission.
    customer_list = TenantForeignKey(
        "customers.CustomerList", null=True, blank=True, on_delete=models.SET_NULL
    )
    # A client that names its devices has a connection for each (companion, section 10).
    device_id = models.CharField(
        max_length=255, blank=True, default="", db_default="", editable=False
    )
    blocked_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(location__isnull=False, scope__startswith="location[")
                | models.Q(location__isnull=True, scope__startswith="account["),
                name="accounts_connection_level_chk",
                violation_error_code="scope",
                violation_error_message="must begin with location[ where a location is chosen, "
                "else with account[",
            )
        ]

    @property
    def public_id(self) -> str:
        """Return the id that clients see, as ``app_instance_id``."""
        return connection_ids.encode(self.pk)

    def __str__(self) -> str:
        place = f"{self.account} / {self.location}" if self.location_id else str(self.account)
        return gettext("%(client)s on %(place)s") % {"client": self.client, "place": place}

    @cached_property
    def grants(self) -> Scope:
        """Return the scope, read."""
        return Scope.parse(self.scope)

    def may(self, resource: str, *, write: bool) -> bool:
        """Return whether the scope grants this at all; for lists, on at least one list."""
        if resource == "customer_list":
            return self.grants.allows(resource, write=write) or self.may_all_lists(write=write)
        return self.grants.allows(resource, write=write)

    def may_all_lists(self, *, write: bool) -> bool:
        """Return whether the scope covers every list in reach."""
        return self.grants.allows("all_customer_lists", write=write)

    def only_list_id(self) -> int | None:
        """Return the one list that can be read, None where every list in reach can."""
        return None if self.may_all_lists(write=False) else self.customer_list_id or 0

    def check_list(self, list_id: int, *, write: bool) -> None:
        """Refuse a list that the scope does not cover.

        Raises:
            ObjectNotFound: The list is not one of the connection's.
            AccessRefused: It may be read, but not written.
        """
        chosen = list_id == self.customer_list_id
        if not self.may_all_lists(write=False) and not chosen:
            raise ObjectNotFound
        if self.may_all_lists(write=write):
            return
        if not (chosen and self.grants.allows("customer_list", write=write)):
            raise AccessRefused("The token may not write to this customer list.")


class AccessToken(TenantModel):
    """One secret of a connection, kept as a hash; a connection may have several."""

    connection = TenantForeignKey(Connection, db_cascade=True, related_name="tokens")
    token_hash = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(auto_now_add=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["token_hash"], name="accounts_accesstoken_hash_uniq")
        ]
        indexes = [models.Index(fields=["account", "connection"], name="accounts_token_conn_idx")]

    def __str__(self) -> str:
        return f"token {self.pk}"


class AuthorizationCode(TenantModel):
    """What a staff user allowed a client, until the client exchanges the code for a token.

    Only a hash of the code is kept; ``used_at`` is set once, and a used code stays for a day.
    """

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="+")
    location = TenantForeignKey(Location, null=True, db_cascade=True, related_name="+")
    customer_list = TenantForeignKey(
        "customers.CustomerList", null=True, db_cascade=True, related_name="+"
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+", db_constraint=False
    )
    scope = models.CharField(max_length=1000, validators=[validate_scope])
    device_id = models.CharField(max_length=255, blank=True)
    redirect_uri = models.CharField(max_length=2000)
    code_hash = models.BinaryField(max_length=32)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    used_at = models.DateTimeField(null=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["code_hash"], name="accounts_authorizationcode_hash_uniq"
            )
        ]
        indexes = [models.Index(fields=["account", "created_at"], name="accounts_code_created_idx")]

    def __str__(self) -> str:
        return f"code {self.pk}"


class ConnectionUse(TenantModel):
    """When one connection was last used, and last refused as blocked, to the minute.

    Not a column of the connection: those rows are copied to each node of a sharded
    database, and rarely written.
    """

    connection = TenantForeignKey(Connection, db_cascade=True, related_name="uses")
    last_used_at = models.DateTimeField(null=True)
    refused_at = models.DateTimeField(null=True)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "connection"], name="accounts_connectionuse_uniq"
            )
        ]

    def __str__(self) -> str:
        return f"use {self.pk}"


class Membership(models.Model):
    """One staff user's place in one account's back-office, and what they are there."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="memberships",
        db_constraint=False,
    )
    account = models.ForeignKey(Account, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MANAGER)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(role__in=Role.values),
                name="accounts_membership_role_chk",
                violation_error_code="role",
                violation_error_message="is no role",
            ),
            models.UniqueConstraint(
                fields=["user", "account"],
                name="accounts_membership_uniq",
                violation_error_code="account",
                violation_error_message="has this member already",
            ),
        ]

    def __str__(self) -> str:
        return gettext("%(user)s in %(account)s") % {"user": self.user, "account": self.account}


class IdempotentAnswer(TenantModel):
    """The answer to one POST that carried an Idempotency-Key, kept for a day.

    The row is inserted before the effect and completed with it, in one transaction; a
    trigger lets none without an answer be committed.
    """

    connection = TenantForeignKey(Connection, db_cascade=True, related_name="+")
    key = models.CharField(max_length=255)
    # SHA-256 of method, path and body.
    fingerprint = models.BinaryField(max_length=32)
    status = models.PositiveSmallIntegerField(null=True)
    body = models.TextField(null=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects = TenantQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["account", "connection", "key"], name="accounts_idempotentanswer_key_uniq"
            )
        ]
        indexes = [models.Index(fields=["created_at"], name="accounts_answer_created_idx")]

    def __str__(self) -> str:
        return f"answer {self.pk}"

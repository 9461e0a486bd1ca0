"""What an archive of an account holds: one part for each table, in the order of loading.

Each table that belongs to an account is in ``PARTS`` or, with the reason, in ``LEFT_OUT``; a
test fails where one is in neither.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db.models import Model

# The account's own name in the conditions below.
_CLIENTS = """
id IN (SELECT client_id FROM accounts_connection WHERE account_id = {account}
    UNION SELECT client_id FROM customers_customerprivateref WHERE account_id = {account}
    UNION SELECT client_id FROM orders_order WHERE account_id = {account}
    UNION SELECT client_id FROM orders_orderprivateref WHERE account_id = {account})
"""


@dataclass(frozen=True)
class Part:
    """The rows of one table.

    Attributes:
        table: Its name.
        where: Which rows; every row of the account where it says nothing.
        without: Columns that mean something in the old hub alone; null in the new one.
    """

    table: str
    where: str = "account_id = {account}"
    without: tuple[str, ...] = ()

    @property
    def model(self) -> type[Model]:
        """Return the model."""
        return next(
            model
            for model in apps.get_models(include_auto_created=True)
            if model._meta.db_table == self.table
        )

    @property
    def has_account(self) -> bool:
        """Return whether rows name the account: it is not written down, but put in again."""
        return "account_id" in self._columns()

    @property
    def columns(self) -> list[str]:
        """Return the columns that are written down."""
        return [name for name in self._columns() if name not in {"account_id", *self.without}]

    def _columns(self) -> list[str]:
        fields: Any = self.model._meta.local_concrete_fields
        return [field.column for field in fields if not field.generated]

    def must_be_told(self, column: str) -> bool:
        """Return whether a row cannot do without the column."""
        fields: Any = self.model._meta.local_concrete_fields
        field = next(field for field in fields if field.column == column)
        return not (field.null or field.has_db_default())

    def select(self, account_id: int) -> str:
        """Return the query for the rows."""
        where = self.where.format(account=int(account_id))
        return f"SELECT {quoted(self.columns)} FROM {self.table} WHERE {where} ORDER BY id"


def quoted(columns: Iterable[str]) -> str:
    """Return the columns for a statement; some are called like words of SQL."""
    return ", ".join(f'"{column}"' for column in columns)


# A row comes after those that its keys name.
PARTS = (
    Part("accounts_account", where="id = {account}"),
    Part("accounts_client", where=_CLIENTS),
    Part("accounts_location"),
    Part("customers_customerlist"),
    Part("accounts_connection"),
    Part("accounts_accesstoken"),
    Part("accounts_connectionuse"),
    Part("callbacks_callback"),
    Part("customers_customer"),
    Part("customers_customerprivateref"),
    Part("customers_consentchange"),
    Part("customers_erasure"),
    Part("desk_merge"),
    Part("desk_possibleduplicate"),
    Part("desk_erasurecertificate", without=("user_id",)),
    Part("desk_privacyrequest", without=("assigned_to_id",)),
    Part("desk_requestchange"),
    Part("desk_retentionrule"),
    Part("orders_order"),
    Part("orders_orderprivateref"),
    Part("loyalty_loyaltycard"),
    Part("loyalty_loyaltyoperation"),
    # What was told and acknowledged is done with.
    Part("callbacks_event", where="account_id = {account} AND acknowledged_at IS NULL"),
    # Users belong to a hub; their names stand in the rows.
    Part("hubcustomers_auditentry", without=("user_id",)),
    Part("transfer_listmapping"),
    Part("transfer_pulled"),
)

LEFT_OUT = {
    "accounts_authorizationcode": "holds for ten minutes",
    "accounts_idempotentanswer": "is kept for a day, for calls that are repeated at once",
    "accounts_membership": "staff users belong to a hub; they are made members anew",
    "callbacks_deliveryattempt": "tells of the old hub's tries",
    "hubcustomers_accountfigures": "is counted anew",
    "transfer_grantedcard": "goes with its job; the operations it led to stay",
    "transfer_job": "is work of the old hub; a file is imported again",
    "transfer_refusedrow": "goes with its job",
    "transfer_stagedrow": "goes with its job",
}

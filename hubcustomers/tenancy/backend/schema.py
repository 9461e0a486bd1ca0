"""Tables whose primary and foreign keys carry the account.

Django goes on to see ``id`` as the primary key; in the database it is ``(id, account_id)``
and a foreign key between two such tables is ``(x_id, account_id)``, checked at once.
Where the Citus extension is present, each table is placed as soon as it is made.
"""

from typing import Any

from django.db.backends.ddl_references import Columns, Statement
from django.db.backends.postgresql import schema
from django.db.models import Model

from hubcustomers.tenancy.tables import (
    ACCOUNT_TABLES,
    REFERENCE_TABLES,
    carries_account,
    has_account,
)


class DatabaseSchemaEditor(schema.DatabaseSchemaEditor):
    """Writes the keys and places the tables."""

    # A foreign key is always an ALTER TABLE of its own, where _create_fk_sql sees it.
    sql_create_column_inline_fk: Any = None

    def column_sql(self, model: type[Model], field: Any, include_default: bool = False) -> Any:
        """Return the column; ``PRIMARY KEY`` moves to the table where two columns make it."""
        sql, params = super().column_sql(model, field, include_default)
        if sql and field.primary_key and carries_account(model):
            sql = sql.replace(" PRIMARY KEY", "")
        return sql, params

    def table_sql(self, model: type[Model]) -> Any:
        """Return the table with its primary key ``(id, account_id)``."""
        sql, params = super().table_sql(model)
        if carries_account(model):
            body, end = sql[: sql.rindex(")")], sql[sql.rindex(")") :]
            name = self.quote_name(f"{model._meta.db_table}_pkey")
            sql = f'{body}, CONSTRAINT {name} PRIMARY KEY ("id", "account_id"){end}'
        return sql, params

    def _create_fk_sql(self, model: type[Model], field: Any, suffix: str) -> Statement:
        statement: Any = super()._create_fk_sql(model, field, suffix)  # type: ignore[misc]
        target = field.remote_field.model
        if not (has_account(model) and carries_account(target)):
            return statement
        shared = getattr(field, "shared_columns", ["account_id"])
        table, other = model._meta.db_table, target._meta.db_table
        statement.parts["column"] = Columns(table, [field.column, *shared], self.quote_name)
        statement.parts["to_column"] = Columns(other, ["id", *shared], self.quote_name)
        statement.parts["deferrable"] = getattr(field, "on_delete_sql", "")
        return statement

    def create_model(self, model: type[Model]) -> None:
        """Create the table; on a sharded database, place it."""
        super().create_model(model)
        table = model._meta.db_table
        if table in REFERENCE_TABLES and self._is_sharded():
            self.execute("SELECT create_reference_table(%s)", [table])
        elif table in ACCOUNT_TABLES and self._is_sharded():
            self.execute("SELECT create_distributed_table(%s, 'account_id')", [table])

    def _is_sharded(self) -> bool:
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM pg_extension WHERE extname = 'citus'")
            return cursor.fetchone() is not None

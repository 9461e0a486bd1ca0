"""Querysets compiled once and executed many times.

Building a queryset anew costs Django two milliseconds, executing it PostgreSQL a tenth of
one. A hot read therefore keeps the SQL of its queryset; the queryset stays the source.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Expression, Field, IntegerField, JSONField, Model, QuerySet


class Parameter(Expression):
    """A value that is not known yet; stands in a queryset where a value would."""

    def __init__(self, name: str, output_field: Field[Any, Any]) -> None:
        """Take the name under which the value will be given."""
        super().__init__(output_field=output_field)
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, list[Any]]:
        """Return a placeholder whose parameter is the Parameter itself."""
        return "%s", [self]


class CompiledQuery:
    """The SQL of one queryset of ``values_list``, with its parameters still open."""

    def __init__(self, queryset: QuerySet[Any, Any], *, paged: bool = False) -> None:
        """Compile the queryset.

        Args:
            queryset: A ``values_list`` with Parameter expressions in it.
            paged: Take the number of rows as parameter ``limit``.
        """
        sql, params = queryset.query.get_compiler(connection=connection).as_sql()
        self.sql = f"{sql} LIMIT %s" if paged else sql
        self.params = [*params, Parameter("limit", IntegerField())] if paged else [*params]
        self.names = [param.name if isinstance(param, Parameter) else None for param in self.params]

    def rows(self, values: Mapping[str, Any], *, plan_anew: bool = False) -> list[Any]:
        """Return the rows as tuples, in the order of the ``values_list``.

        Args:
            values: The open parameters by name.
            plan_anew: Let PostgreSQL plan for these very values instead of keeping one
                plan for all; for conditions that meet anything from one row to all.
        """
        params = [
            param if name is None else values[name]
            for name, param in zip(self.names, self.params, strict=True)
        ]
        cursor = kept_cursor()
        if plan_anew:
            with _unprepared(cursor.connection):
                cursor.execute(self.sql, params)
        else:
            cursor.execute(self.sql, params)
        rows: list[Any] = cursor.fetchall()
        return rows

    def row(self, values: Mapping[str, Any]) -> Any:
        """Return the only row, None where there is none."""
        rows = self.rows(values)
        return rows[0] if rows else None


def kept_cursor() -> Any:
    """Return this thread's cursor for one statement whose rows are fetched at once."""
    # Past the proxy, which would be asked for each attribute.
    database: Any = connections[DEFAULT_DB_ALIAS]
    return database.kept_cursor()


@contextmanager
def _unprepared(psycopg_connection: Any) -> Iterator[None]:
    threshold = psycopg_connection.prepare_threshold
    psycopg_connection.prepare_threshold = None
    try:
        yield
    finally:
        psycopg_connection.prepare_threshold = threshold


class CompiledInsert:
    """The INSERT of one row of a model, with the columns that change from row to row."""

    def __init__(self, model: type[Model], fields: Iterable[str], *, returning: str) -> None:
        """Write the statement.

        Args:
            model: Whose table takes the row.
            fields: Names of the fields that are given; others take the database's default.
            returning: SQL of what the statement returns; may hold places for values.
        """
        self.fields: list[Any] = [model._meta.get_field(name) for name in fields]
        columns = ", ".join(connection.ops.quote_name(field.column) for field in self.fields)
        table = connection.ops.quote_name(model._meta.db_table)
        places = ", ".join(["%s"] * len(self.fields))
        self.sql = f"INSERT INTO {table} ({columns}) VALUES ({places}) RETURNING {returning}"

    def insert(self, values: Mapping[str, Any], *returning: Any) -> Any:
        """Insert the row; a field without value is null. Return the RETURNING row.

        Args:
            values: The fields by name.
            returning: What goes into the places of the RETURNING clause.
        """
        params = [
            field.get_db_prep_save(values.get(field.name), connection)
            if isinstance(field, JSONField)
            else values.get(field.name)
            for field in self.fields
        ]
        cursor = kept_cursor()
        cursor.execute(self.sql, [*params, *returning])
        return cursor.fetchone()

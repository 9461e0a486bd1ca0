"""Whether the database has what the migrations make: triggers, functions, constraints, indexes.

The rules of the hub live in the database, so a trigger that somebody dropped or switched off
is a rule that nobody keeps. What there should be is read from the migrations themselves, by
writing their SQL without running it: no list has to be kept beside them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db import connection
from django.db.migrations.loader import MigrationLoader

_NAME = r'"?(\w+)"?'
_STEPS = re.compile(
    rf"""
      CREATE\ TABLE\ {_NAME}(?=\ \(([^;]*)\);)                                  # 1, 2
    | DROP\ TABLE\ (?:IF\ EXISTS\ )?{_NAME}                                     # 3
    | CREATE\ (?:OR\ REPLACE\ )?FUNCTION\ {_NAME}\s*\(.*?AS\s+(\$\w*\$)(.*?)\5  # 4, 6
    | DROP\ FUNCTION\ (?:IF\ EXISTS\ )?{_NAME}                                  # 7
    | CREATE\ (?:CONSTRAINT\ )?TRIGGER\ {_NAME}\s.*?\sON\ {_NAME}               # 8, 9
    | DROP\ TRIGGER\ (?:IF\ EXISTS\ )?{_NAME}\ ON\ {_NAME}                      # 10, 11
    | ALTER\ TABLE\ {_NAME}\ DROP\ CONSTRAINT\ (?:IF\ EXISTS\ )?{_NAME}         # 12, 13
    | ALTER\ TABLE\ {_NAME}\ ADD\ CONSTRAINT\ {_NAME}                           # 14, 15
    | CREATE\ (?:UNIQUE\ )?INDEX\ (?:CONCURRENTLY\ )?(?:IF\ NOT\ EXISTS\ )?{_NAME}\ ON\ {_NAME}
    | DROP\ INDEX\ (?:CONCURRENTLY\ )?(?:IF\ EXISTS\ )?{_NAME}                  # 18
    | CONSTRAINT\ "(\w+)"\ (?:PRIMARY\ KEY|UNIQUE|CHECK|FOREIGN\ KEY|EXCLUDE)  # 19
    """,
    re.VERBOSE | re.DOTALL,
)


class Thing(NamedTuple):
    """Something with a name in the database, and the table it belongs to ('' for functions)."""

    kind: str
    name: str
    table: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}" + (f" on {self.table}" if self.table else "")


@dataclass
class Made:
    """What the migrations make.

    Attributes:
        by: For each thing the migration that made it last.
        bodies: Of functions, as PostgreSQL keeps them.
    """

    by: dict[Thing, str] = field(default_factory=dict)
    bodies: dict[str, str] = field(default_factory=dict)
    _table: str = ""

    def read(self, sql: str, migration: str) -> None:
        """Go through the statements of one migration."""
        for step in _STEPS.finditer(sql):
            self._take(step, migration)

    def _take(self, step: "re.Match[str]", migration: str) -> None:  # noqa: C901, PLR0912 - a table
        found = step.group
        if found(1):
            self._table = found(1)
            self.by[Thing("table", found(1))] = migration
            for name in _inline(found(1), found(2)):
                self.by[Thing("constraint", name, found(1))] = migration
        elif found(3):
            for thing in [thing for thing in self.by if found(3) in (thing.table, thing.name)]:
                del self.by[thing]
        elif found(4):
            self.by[Thing("function", found(4))] = migration
            self.bodies[found(4)] = found(6)
        elif found(7):
            self.by.pop(Thing("function", found(7)), None)
        elif found(8):
            self.by[Thing("trigger", found(8), found(9))] = migration
        elif found(10):
            self.by.pop(Thing("trigger", found(10), found(11)), None)
        elif found(12):
            self.by.pop(Thing("constraint", found(13), found(12)), None)
        elif found(14):
            self.by[Thing("constraint", found(15), found(14))] = migration
        elif found(16):
            self.by[Thing("index", found(16), found(17))] = migration
        elif found(18):
            for thing in [thing for thing in self.by if thing[:2] == ("index", found(18))]:
                del self.by[thing]
        elif found(19):
            self.by[Thing("constraint", found(19), self._table)] = migration


def _inline(table: str, body: str) -> Iterator[str]:
    """Yield the names that PostgreSQL gives to constraints of single columns."""
    columns, _, _ = body.partition(', CONSTRAINT "')
    for column in columns.split(', "'):
        name = column.lstrip('"').partition('"')[0]
        if " PRIMARY KEY" in column:
            yield f"{table}_pkey"
        if " UNIQUE" in column:
            yield f"{table}_{name}_key"
        if " CHECK (" in column:
            yield f"{table}_{name}_check"


def made_by_migrations() -> Made:
    """Return what there should be, from the SQL that the migrations would run."""
    loader = MigrationLoader(connection, replace_migrations=False)
    leaves = loader.graph.leaf_nodes()
    made = Made()
    state = None
    for key in loader.graph._generate_plan(leaves, at_end=True):
        migration = loader.graph.nodes[key]
        with connection.schema_editor(collect_sql=True, atomic=migration.atomic) as editor:
            if state is None:
                state = loader.project_state(key, at_end=False)
            state = migration.apply(state, editor, collect_sql=True)
        made.read("\n".join(editor.collected_sql), ".".join(key))
    return made


_THINGS = """
SELECT 'table', relname, '' FROM pg_class
WHERE relnamespace = current_schema()::regnamespace AND relkind IN ('r', 'p')
UNION ALL
SELECT 'trigger', tgname, tgrelid::regclass::text FROM pg_trigger
JOIN pg_class ON pg_class.oid = tgrelid
WHERE NOT tgisinternal AND relnamespace = current_schema()::regnamespace
UNION ALL
SELECT 'constraint', conname, conrelid::regclass::text FROM pg_constraint
WHERE connamespace = current_schema()::regnamespace AND conrelid <> 0 AND contype <> 'n'
UNION ALL
SELECT 'index', pg_class.relname, indrelid::regclass::text FROM pg_index
JOIN pg_class ON pg_class.oid = indexrelid
WHERE relnamespace = current_schema()::regnamespace
UNION ALL
SELECT 'function', proname, '' FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
"""
_BODIES = """
SELECT proname, prosrc FROM pg_proc WHERE pronamespace = current_schema()::regnamespace
"""
# Also those that PostgreSQL keeps foreign keys with.
_OFF = """
SELECT DISTINCT CASE WHEN tgisinternal THEN 'constraint' ELSE 'trigger' END,
    coalesce(conname, tgname), tgrelid::regclass::text
FROM pg_trigger JOIN pg_class ON pg_class.oid = tgrelid
LEFT JOIN pg_constraint ON pg_constraint.oid = tgconstraint AND tgisinternal
WHERE tgenabled <> 'O' AND relnamespace = current_schema()::regnamespace
"""
_INVALID = """
SELECT 'constraint', conname, conrelid::regclass::text FROM pg_constraint
WHERE NOT convalidated AND connamespace = current_schema()::regnamespace
UNION ALL
SELECT 'index', pg_class.relname, indrelid::regclass::text FROM pg_index
JOIN pg_class ON pg_class.oid = indexrelid
WHERE NOT indisvalid AND relnamespace = current_schema()::regnamespace
"""


@dataclass
class Differences:
    """How the database differs from what the migrations make.

    Attributes:
        missing: What is not there, with the migration that makes it.
        changed: Functions that do something else, with the migration that makes them.
        off: Triggers and foreign keys that are switched off.
        invalid: Constraints and indexes that do not hold for all rows.
        foreign: Triggers on our tables that no migration makes.
    """

    missing: dict[Thing, str]
    changed: dict[Thing, str]
    off: list[Thing]
    invalid: list[Thing]
    foreign: list[Thing]


def find_differences(made: Made) -> Differences:
    """Compare the database with what the migrations make."""
    there = set(_things(_THINGS))
    # A unique constraint with a condition is an index for PostgreSQL.
    missing = {thing: by for thing, by in made.by.items() if thing not in there}
    with connection.cursor() as cursor:
        cursor.execute(_BODIES)
        bodies = dict(cursor.fetchall())
    changed = {
        thing: by
        for thing, by in made.by.items()
        if thing.kind == "function" and thing in there and bodies[thing.name] != _body(made, thing)
    }
    tables = {thing.name for thing in made.by if thing.kind == "table"}
    return Differences(
        missing=missing,
        changed=changed,
        off=_things(_OFF),
        invalid=_things(_INVALID),
        foreign=sorted(
            thing
            for thing in there
            if thing.kind == "trigger" and thing.table in tables and thing not in made.by
        ),
    )


def _body(made: Made, thing: Thing) -> str:
    return made.bodies[thing.name]


def _things(sql: str) -> list[Thing]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        return sorted(
            Thing(kind, name, table.strip('"')) for kind, name, table in cursor.fetchall()
        )

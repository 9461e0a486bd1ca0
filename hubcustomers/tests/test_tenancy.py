"""The account in every key, as the database itself has it (design section 3)."""

from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.core.management import call_command
from django.db import DatabaseError, IntegrityError, connection, transaction
from django.db.migrations.executor import MigrationExecutor
from django.test.utils import CaptureQueriesContext

from accounts.factories import ConnectionFactory
from accounts.models import Connection
from customers.factories import CustomerFactory, CustomerListFactory
from customers.models import Customer
from hubcustomers.tenancy.models import TenantForeignKey, TenantModel
from hubcustomers.tenancy.tables import ACCOUNT_TABLES, LOCAL_TABLES, REFERENCE_TABLES, check_tables
from hubcustomers.tenancy.tripwire import UnscopedStatement, is_scoped, refuse_unscoped
from loyalty.factories import LoyaltyCardFactory, post
from loyalty.models import LoyaltyCard

pytestmark = pytest.mark.django_db
OURS = sorted(REFERENCE_TABLES | ACCOUNT_TABLES)


def fetch(sql: str, *params: Any) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def tables_with_account() -> list[str]:
    return [
        table
        for (table,) in fetch(
            "SELECT table_name FROM information_schema.columns"
            " WHERE table_schema = current_schema AND column_name = 'account_id'"
            " AND table_name = ANY(%s)",
            OURS,
        )
    ]


def keys(kind: str) -> list[Any]:
    """Return table, columns, other table, its columns, and whether deferrable, of each key."""
    columns = (
        "(SELECT array_agg(attname ORDER BY place) FROM unnest({key}) WITH ORDINALITY k(n, place)"
        " JOIN pg_attribute ON attrelid = {table} AND attnum = n)::text[]"
    )
    return fetch(
        f"SELECT conrelid::regclass::text, {columns.format(key='conkey', table='conrelid')},"
        f" confrelid::regclass::text, {columns.format(key='confkey', table='confrelid')},"
        " condeferrable FROM pg_constraint WHERE contype = %s"
        " AND conrelid::regclass::text = ANY(%s)",
        kind,
        OURS,
    )


# --- the catalog --------------------------------------------------------------------


def test_every_table_of_ours_but_the_tenants_themselves_has_the_account() -> None:
    assert set(OURS) - set(tables_with_account()) == {"accounts_account", "accounts_client"}


def test_primary_keys_carry_the_account() -> None:
    primary = {table: columns for table, columns, *_ in keys("p")}

    assert {table: primary[table] for table in tables_with_account()} == {
        table: ["id", "account_id"] for table in tables_with_account()
    }


def test_foreign_keys_carry_the_account_and_are_judged_at_once() -> None:
    carrying = tables_with_account()

    between = [key for key in keys("f") if key[0] in carrying and key[2] in carrying]

    assert len(between) == sum(
        isinstance(field, TenantForeignKey) and field.db_constraint
        for model in tenant_models()
        if model._meta.db_table in carrying
        for field in model._meta.get_fields()
    )
    for table, columns, other, other_columns, deferrable in between:
        assert "account_id" in columns, (table, columns)
        place = columns.index("account_id")
        assert other_columns[place] == "account_id", (table, other)
        assert other_columns[0] == "id"
        assert not deferrable, (table, columns)


def test_customers_and_cards_and_refs_stay_in_their_list() -> None:
    to_customers = [key for key in keys("f") if key[2] == "customers_customer"]

    assert sorted(key[:2] for key in to_customers) == [
        # Of one customer, whichever list that is in.
        ("customers_consentchange", ["customer_id", "account_id"]),
        ("customers_customerprivateref", ["customer_id", "account_id", "customer_list_id"]),
        ("loyalty_loyaltycard", ["customer_id", "account_id", "customer_list_id"]),
        # An order belongs to no list, and outlives the customer's.
        ("orders_order", ["customer_id", "account_id"]),
    ]


def test_unique_rules_of_account_tables_start_with_the_account() -> None:
    unique = [(table, columns) for table, columns, *_ in keys("u") if table in ACCOUNT_TABLES]

    assert len(unique) >= 6
    assert [rule for rule in unique if rule[1][0] != "account_id"] == []


def test_unique_indexes_without_a_constraint_start_with_it_too() -> None:
    definitions = fetch(
        "SELECT indexdef FROM pg_indexes WHERE tablename = ANY(%s)"
        " AND indexdef LIKE 'CREATE UNIQUE%%' AND indexname NOT LIKE '%%_pkey'",
        sorted(ACCOUNT_TABLES),
    )

    assert all("(account_id," in definition for (definition,) in definitions)


def tenant_models() -> list[type[TenantModel]]:
    return [model for model in apps.get_models() if issubclass(model, TenantModel)]


def test_every_model_of_such_a_table_knows_the_account() -> None:
    ours = {model._meta.db_table for model in tenant_models()} - LOCAL_TABLES

    assert ours == set(tables_with_account())


# --- what raw SQL cannot do ---------------------------------------------------------

Row = dict[str, Any]


def insert(table: str, **row: Any) -> None:
    places = ", ".join(["%s"] * len(row))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", [*row.values()])


def a_card(customer: Customer) -> tuple[str, Row]:
    row = {"customer_id": customer.pk, "customer_list_id": customer.customer_list_id, "name": "x"}
    return "loyalty_loyaltycard", row


def a_ref(customer: Customer) -> tuple[str, Row]:
    client = ConnectionFactory().client_id
    row = {"customer_id": customer.pk, "customer_list_id": customer.customer_list_id}
    return "customers_customerprivateref", {**row, "client_id": client, "ref": "7"}


def an_operation(customer: Customer) -> tuple[str, Row]:
    card = LoyaltyCardFactory(customer=customer)
    row = {"card_id": card.pk, "sequence": 1, "delta": 1, "new_balance": 1}
    return "loyalty_loyaltyoperation", row


def a_customer(customer: Customer) -> tuple[str, Row]:
    row = {"customer_list_id": customer.customer_list_id, "custom_fields": "{}"}
    return "customers_customer", {**row, "anonymised": False}


def a_list(customer: Customer) -> tuple[str, Row]:
    location = ConnectionFactory(account=customer.account).location
    return "customers_customerlist", {"location_id": location.pk, "name": "x"}


def a_connection(customer: Customer) -> tuple[str, Row]:
    made = ConnectionFactory(account=customer.account)
    row = {"location_id": made.location_id, "client_id": made.client_id, "created_at": "now"}
    return "accounts_connection", {**row, "scope": "location[orders.read]"}


def a_connection_to_a_list(customer: Customer) -> tuple[str, Row]:
    row = {"customer_list_id": customer.customer_list_id, "created_at": "now"}
    client = ConnectionFactory().client_id
    return "accounts_connection", {**row, "client_id": client, "scope": "account[orders.read]"}


def a_token(customer: Customer) -> tuple[str, Row]:
    made = ConnectionFactory(account=customer.account)
    row = {"connection_id": made.pk, "token_hash": b"x", "created_at": "now"}
    return "accounts_accesstoken", row


ROWS = [
    a_card,
    a_ref,
    an_operation,
    a_customer,
    a_list,
    a_connection,
    a_connection_to_a_list,
    a_token,
]


@pytest.mark.parametrize("make", ROWS)
def test_raw_sql_cannot_point_into_another_account(
    customer: Customer, rival: Connection, make: Callable[[Customer], tuple[str, Row]]
) -> None:
    table, row = make(customer)

    with pytest.raises(IntegrityError, match="violates foreign key constraint"):
        insert(table, **row, account_id=rival.account_id)

    with transaction.atomic():
        insert(table, **row, account_id=customer.account_id)
        transaction.set_rollback(True)


@pytest.mark.parametrize("make", [a_card, a_ref])
def test_raw_sql_cannot_point_into_another_list(
    customer: Customer, make: Callable[[Customer], tuple[str, Row]]
) -> None:
    table, row = make(customer)
    other = CustomerListFactory(account=customer.account)

    with pytest.raises(IntegrityError, match="violates foreign key constraint"):
        insert(table, **{**row, "customer_list_id": other.pk}, account_id=customer.account_id)


@pytest.mark.parametrize("table", ["loyalty_loyaltycard", "customers_customer"])
def test_raw_sql_cannot_move_a_row_to_another_account(
    card: LoyaltyCard, rival: Connection, table: str
) -> None:
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE {table} SET account_id = %s", [rival.account_id])


# --- what models add by themselves --------------------------------------------------


@pytest.fixture
def scoped() -> Iterator[CaptureQueriesContext]:
    """Fail the test when a statement over an account table names no account."""
    with connection.execute_wrapper(refuse_unscoped), CaptureQueriesContext(connection) as queries:
        yield queries


def last(queries: CaptureQueriesContext) -> str:
    return str(queries.captured_queries[-1]["sql"])


def test_save_keeps_the_account_and_names_it(
    customer: Customer, rival: Connection, scoped: CaptureQueriesContext
) -> None:
    own = customer.account_id
    customer.first_name = "Claude"

    customer.save()

    update, where = last(scoped).split(" WHERE ")
    assert update.startswith("UPDATE")
    assert "account_id" not in update
    assert f'"account_id" = {own}' in where


def test_save_cannot_move_a_row_to_another_account(customer: Customer, rival: Connection) -> None:
    own = customer.account_id
    customer.account = rival.account
    customer.first_name = "Moved"

    with pytest.raises(DatabaseError), transaction.atomic():
        customer.save(update_fields=["account", "first_name"])

    customer.account_id = own
    customer.refresh_from_db()
    assert (customer.account_id, customer.first_name) == (own, "Jimmy")


def test_reading_a_row_again_names_the_account(
    customer: Customer, scoped: CaptureQueriesContext
) -> None:
    customer.refresh_from_db(fields=["first_name"])

    assert f'"account_id" = {customer.account_id}' in last(scoped)


def test_deleting_a_row_names_the_account(
    customer: Customer, scoped: CaptureQueriesContext
) -> None:
    customer.delete()

    assert f'"account_id" = {customer.account_id}' in last(scoped)
    assert not Customer.objects.for_account(customer.account).exists()


def test_a_deferred_column_names_the_account(
    customer: Customer, scoped: CaptureQueriesContext
) -> None:
    half = Customer.objects.for_account(customer.account).only("account_id").get()

    assert half.first_name == "Jimmy"
    assert f'"account_id" = {customer.account_id}' in last(scoped)


def test_a_lazy_load_names_the_account(card: LoyaltyCard, scoped: CaptureQueriesContext) -> None:
    read = LoyaltyCard.objects.for_account(card.account).get()

    assert read.customer == card.customer
    assert f'"customers_customer"."account_id" = {card.account_id}' in last(scoped)


def test_a_reverse_manager_names_the_account(
    customer: Customer, scoped: CaptureQueriesContext
) -> None:
    card = LoyaltyCardFactory(customer=customer)

    assert list(customer.loyalty_cards.all()) == [card]
    assert f'"account_id" = {customer.account_id}' in last(scoped)
    assert customer.loyalty_cards.count() == 1
    assert customer.loyalty_cards.filter(name="").exists()
    assert customer.loyalty_cards.update(ref="9") == 1


def test_prefetching_forwards_and_back_names_the_account(
    card: LoyaltyCard, scoped: CaptureQueriesContext
) -> None:
    post(card, "1")

    [customer] = Customer.objects.for_account(card.account).prefetch_related(
        "loyalty_cards__operations"
    )
    [read] = LoyaltyCard.objects.for_account(card.account).prefetch_related("customer")

    assert [len(each.operations.all()) for each in customer.loyalty_cards.all()] == [1]
    assert read.customer == card.customer


def test_prefetching_from_two_accounts_reads_no_others(
    customer: Customer, rival: Connection
) -> None:
    theirs = CustomerFactory(customer_list__account=rival.account)
    LoyaltyCardFactory(customer=theirs, name="")
    LoyaltyCardFactory(customer=theirs, name="kiosk")
    with CaptureQueriesContext(connection) as queries:
        rows = list(Customer.objects.order_by("id").prefetch_related("loyalty_cards"))

    assert [len(row.loyalty_cards.all()) for row in rows] == [0, 2]
    ours, others = sorted([customer.account_id, rival.account_id])
    assert f'"account_id" IN ({ours}, {others})' in last(queries)


def test_a_bulk_update_keeps_to_its_account(
    customer: Customer, scoped: CaptureQueriesContext
) -> None:
    customer.first_name = "Claude"

    Customer.objects.for_account(customer.account).bulk_update([customer], ["first_name"])

    assert f'"account_id" = {customer.account_id}' in scoped.captured_queries[-1]["sql"]


def test_joins_compare_the_account(card: LoyaltyCard, scoped: CaptureQueriesContext) -> None:
    rows = LoyaltyCard.objects.for_account(card.account)

    assert rows.filter(customer__first_name="Jimmy").select_related("customer").get() == card

    on = last(scoped).split(" ON ")[1].split(" WHERE ")[0]
    assert on.count('"account_id"') == 2


def test_reverse_joins_compare_the_account(
    card: LoyaltyCard, scoped: CaptureQueriesContext
) -> None:
    rows = Customer.objects.for_account(card.account)

    assert rows.filter(loyalty_cards__ref=card.ref).get() == card.customer

    on = last(scoped).split(" ON ")[1].split(" WHERE ")[0]
    assert on.count('"account_id"') == 2


# --- the tripwire -------------------------------------------------------------------

SCOPED = [
    "SELECT 1",
    'SELECT * FROM "accounts_connection"',
    'SELECT * FROM "customers_customer" WHERE "customers_customer"."account_id" = %s',
    'SELECT * FROM "customers_customer" WHERE "customers_customer"."account_id" = (%s)',
    'SELECT * FROM "customers_customer" WHERE "customers_customer"."account_id" = 7 AND id = 3',
    'SELECT * FROM "loyalty_loyaltycard" WHERE account_id = %(account)s',
    'UPDATE "customers_customer" SET email = NULL WHERE account_id = $1',
    'DELETE FROM "loyalty_loyaltyoperation" WHERE "account_id" = %s',
    'INSERT INTO "customers_customer" ("account_id") VALUES (%s)',
    'SELECT * FROM "customers_customerlist" WHERE id = %s',
]
UNSCOPED = [
    'SELECT * FROM "customers_customer"',
    'SELECT * FROM "customers_customer" WHERE "customers_customer"."id" = %s',
    'SELECT account_id FROM "loyalty_loyaltycard" WHERE "id" = 1',
    'UPDATE "loyalty_loyaltycard" SET "balance" = 0 WHERE "id" = %s',
    'DELETE FROM "loyalty_loyaltyoperation" WHERE "card_id" IN (%s)',
    'SELECT 1 FROM "loyalty_loyaltycard" c JOIN "customers_customer" u'
    ' ON u."account_id" = (c."account_id") WHERE c."id" = %s',
    'SELECT * FROM "customers_customer" WHERE "account_id" IS NOT NULL',
    'SELECT * FROM "customers_customer" WHERE "account_id" IN (%s, %s)',
]


@pytest.mark.parametrize("sql", SCOPED)
def test_the_tripwire_lets_scoped_statements_pass(sql: str) -> None:
    assert is_scoped(sql)


@pytest.mark.parametrize("sql", UNSCOPED)
def test_the_tripwire_stops_unscoped_statements(sql: str) -> None:
    assert not is_scoped(sql)


def test_the_tripwire_stops_a_queryset_without_an_account(customer: Customer) -> None:
    with connection.execute_wrapper(refuse_unscoped), pytest.raises(UnscopedStatement):
        Customer.objects.get(pk=customer.pk)


# --- the kinds of tables ------------------------------------------------------------


def test_every_table_is_of_one_kind() -> None:
    assert check_tables() == []


def test_a_table_of_no_kind_is_refused_by_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hubcustomers.tenancy.tables.LOCAL_TABLES", LOCAL_TABLES - {"auth_user"})

    [error] = check_tables()

    assert error.id == "hubcustomers.E001"
    assert "auth_user must be in one list" in error.msg


def test_a_table_of_two_kinds_is_refused_by_a_check(monkeypatch: pytest.MonkeyPatch) -> None:
    twice = LOCAL_TABLES | {"customers_customer"}
    monkeypatch.setattr("hubcustomers.tenancy.tables.LOCAL_TABLES", twice)

    assert [error.id for error in check_tables()] == ["hubcustomers.E001"]


# --- migrations ---------------------------------------------------------------------


def test_no_migration_is_missing() -> None:
    out = StringIO()

    call_command("makemigrations", check=True, dry_run=True, stdout=out)

    assert out.getvalue().strip() == "No changes detected"


def schema() -> dict[str, str]:
    """Return everything of ours in the catalog: constraints, indexes, triggers, functions."""
    ours = "^(accounts|customers|loyalty)_"
    return dict(
        fetch(
            "SELECT 'constraint ' || conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE conrelid::regclass::text ~ %s"
            " UNION ALL SELECT 'index ' || indexname, indexdef FROM pg_indexes"
            " WHERE tablename ~ %s AND schemaname = current_schema"
            " UNION ALL SELECT 'trigger ' || tgname, pg_get_triggerdef(oid) FROM pg_trigger"
            " WHERE NOT tgisinternal AND tgrelid::regclass::text ~ %s"
            " UNION ALL SELECT 'function ' || proname, prosrc FROM pg_proc"
            " WHERE pronamespace = current_schema::regnamespace AND proname ~ %s",
            ours,
            ours,
            ours,
            ours,
        )
    )


def test_migrations_go_back_to_zero_and_forward_again() -> None:
    # In the transaction of the test: PostgreSQL undoes all of it at the end.
    before = schema()
    targets = [
        key
        for key in MigrationExecutor(connection).loader.graph.leaf_nodes()
        if key[0] in {"accounts", "callbacks", "customers", "loyalty", "orders"}
    ]

    MigrationExecutor(connection).migrate([(app, None) for app, _ in targets])

    assert schema() == {}
    assert not set(OURS) & set(connection.introspection.table_names())

    MigrationExecutor(connection).migrate(targets)

    assert schema() == before

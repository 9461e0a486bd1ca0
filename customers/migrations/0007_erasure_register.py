"""The register of erasures: a trigger writes it, and nobody changes it."""

import django.db.models.deletion
from django.db import migrations, models

RECORD = """
CREATE FUNCTION customers_erasure_record() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        -- Where erasures are applied again, the row with the time of the first is there already.
        INSERT INTO customers_erasure
            (account_id, customer_list_id, customer_id, customer_created_at, erased_at)
        VALUES (NEW.account_id, NEW.customer_list_id, NEW.id, NEW.created_at,
            statement_timestamp())
        ON CONFLICT (account_id, customer_id) DO NOTHING;
        RETURN NULL;
    END
$$;
CREATE TRIGGER customers_erasure_record_trg AFTER UPDATE OF anonymised ON customers_customer
    FOR EACH ROW WHEN (NEW.anonymised AND NOT OLD.anonymised)
    EXECUTE FUNCTION customers_erasure_record();
"""

RECORD_REVERSE = """
DROP TRIGGER customers_erasure_record_trg ON customers_customer;
DROP FUNCTION customers_erasure_record();
"""

# Who was anonymised before the register began; nobody noted when.
BEGIN = """
INSERT INTO customers_erasure (account_id, customer_list_id, customer_id, customer_created_at)
SELECT account_id, customer_list_id, id, created_at FROM customers_customer
WHERE anonymised ORDER BY id
"""

APPEND_ONLY = """
CREATE FUNCTION customers_erasure_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the register of erasures is neither changed nor deleted'
            USING ERRCODE = '23514', CONSTRAINT = 'customers_erasure_append_only_trg';
    END
$$;
CREATE TRIGGER customers_erasure_append_only_trg BEFORE UPDATE OR DELETE ON customers_erasure
    FOR EACH ROW EXECUTE FUNCTION customers_erasure_append_only();
CREATE TRIGGER customers_erasure_truncate_trg BEFORE TRUNCATE ON customers_erasure
    FOR EACH STATEMENT EXECUTE FUNCTION customers_erasure_append_only();
"""

APPEND_ONLY_REVERSE = """
DROP TRIGGER customers_erasure_truncate_trg ON customers_erasure;
DROP TRIGGER customers_erasure_append_only_trg ON customers_erasure;
DROP FUNCTION customers_erasure_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_role"),
        ("customers", "0006_search_indexes"),
    ]

    operations = [
        migrations.CreateModel(
            name="Erasure",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("customer_list_id", models.BigIntegerField()),
                ("customer_id", models.BigIntegerField()),
                ("customer_created_at", models.DateTimeField()),
                ("erased_at", models.DateTimeField(null=True)),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.account",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["account", "id"], name="customers_erasure_account_idx")
                ],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("account", "customer_id"), name="customers_erasure_customer_uniq"
                    )
                ],
            },
        ),
        migrations.RunSQL(BEGIN, migrations.RunSQL.noop),
        migrations.RunSQL(RECORD, RECORD_REVERSE),
        migrations.RunSQL(APPEND_ONLY, APPEND_ONLY_REVERSE),
    ]

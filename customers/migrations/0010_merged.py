"""A customer may be merged into another one, who then stands for it; the database judges."""

import django.db.models.deletion
from django.db import migrations, models

import hubcustomers.tenancy.models

# Judged at the end of the transaction, so that several may move on together.
GUARD = """
CREATE FUNCTION customers_customer_merge_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        merged record;
        other record;
        fault text;
    BEGIN
        SELECT merged_into_id, customer_list_id INTO merged FROM customers_customer
            WHERE account_id = NEW.account_id AND id = NEW.id;
        IF NOT FOUND OR merged.merged_into_id IS NULL THEN
            RETURN NULL;
        END IF;
        -- Locked, so that the other one cannot be merged at the same moment.
        SELECT merged_into_id, customer_list_id INTO other FROM customers_customer
            WHERE account_id = NEW.account_id AND id = merged.merged_into_id
            FOR NO KEY UPDATE;
        IF NOT FOUND OR other.customer_list_id <> merged.customer_list_id THEN
            fault := 'customers are merged within one list';
        ELSIF other.merged_into_id IS NOT NULL THEN
            fault := 'a customer is merged into one that stands for itself';
        ELSIF EXISTS (SELECT FROM customers_customer
                      WHERE account_id = NEW.account_id AND merged_into_id = NEW.id) THEN
            fault := 'who was merged into a customer goes along with it';
        ELSE
            RETURN NULL;
        END IF;
        RAISE EXCEPTION '%', fault
            USING ERRCODE = '23514', CONSTRAINT = 'customers_customer_merge_trg';
    END
$$;
CREATE CONSTRAINT TRIGGER customers_customer_merge_trg
    AFTER INSERT OR UPDATE OF merged_into_id ON customers_customer
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.merged_into_id IS NOT NULL)
    EXECUTE FUNCTION customers_customer_merge_guard();
"""

GUARD_REVERSE = """
DROP TRIGGER customers_customer_merge_trg ON customers_customer;
DROP FUNCTION customers_customer_merge_guard();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_role"),
        ("customers", "0009_loaded_consent"),
    ]

    operations = [
        migrations.AddField(
            model_name="customer",
            name="merged_into",
            field=hubcustomers.tenancy.models.TenantForeignKey(
                db_constraint=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="customers.customer",
            ),
        ),
        migrations.AddIndex(
            model_name="customer",
            index=models.Index(
                condition=models.Q(("merged_into__isnull", False)),
                fields=["account", "merged_into"],
                name="customers_merged_idx",
            ),
        ),
        migrations.RunSQL(GUARD, GUARD_REVERSE),
    ]

"""When a customer was changed last, for who must know whether it is still in use.

The trigger hangs on the columns that tell of the person: an order or an operation, which
write statistics and versions, do not even meet it.
"""

from django.db import migrations, models

TOLD = (
    "email first_name last_name gender birth_date company_name phone address_1 address_2"
    " postal_code city state country latitude longitude delivery_notes phone_access_code"
    " sms_marketing email_marketing custom_fields"
).split()

KEEP = f"""
CREATE FUNCTION customers_customer_touch() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        NEW.updated_at := statement_timestamp();
        RETURN NEW;
    END
$$;
CREATE TRIGGER customers_customer_updated_trg
    BEFORE UPDATE OF {", ".join(TOLD)} ON customers_customer FOR EACH ROW
    WHEN (({", ".join(f"OLD.{name}" for name in TOLD)})
        IS DISTINCT FROM ({", ".join(f"NEW.{name}" for name in TOLD)}))
    EXECUTE FUNCTION customers_customer_touch();
"""

KEEP_REVERSE = """
DROP TRIGGER customers_customer_updated_trg ON customers_customer;
DROP FUNCTION customers_customer_touch();
"""


class Migration(migrations.Migration):
    dependencies = [("customers", "0007_erasure_register")]

    operations = [
        migrations.AddField(
            model_name="customer",
            name="updated_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.RunSQL(KEEP, KEEP_REVERSE),
    ]

"""Anonymised is final: the database blanks the private fields again and allows no way back."""

from django.db import migrations

PRIVATE_COLUMNS = (
    "email first_name last_name gender birth_date company_name phone address_1 address_2"
    " postal_code latitude longitude delivery_notes phone_access_code"
).split()

BLANKS = "\n        ".join(f"NEW.{column} := NULL;" for column in PRIVATE_COLUMNS)

GUARD = f"""
CREATE FUNCTION customers_customer_anonymised_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF NOT NEW.anonymised THEN
            RAISE EXCEPTION 'an anonymised customer stays anonymised'
                USING ERRCODE = '23514', CONSTRAINT = 'customers_customer_anonymised_trg';
        END IF;
        -- A writer that read the row before it was anonymised changes nothing private.
        {BLANKS}
        RETURN NEW;
    END
$$;
CREATE TRIGGER customers_customer_anonymised_trg BEFORE UPDATE ON customers_customer
    FOR EACH ROW WHEN (OLD.anonymised)
    EXECUTE FUNCTION customers_customer_anonymised_guard();
"""

REVERSE = """
DROP TRIGGER customers_customer_anonymised_trg ON customers_customer;
DROP FUNCTION customers_customer_anonymised_guard();
"""


class Migration(migrations.Migration):
    dependencies = [("customers", "0001_initial")]

    operations = [migrations.RunSQL(GUARD, REVERSE)]

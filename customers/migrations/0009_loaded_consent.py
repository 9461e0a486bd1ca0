"""An account that is loaded from an archive brings the history of its consent along.

``transfer/archive/loading.py`` sets ``hub.loads_archive`` for its transaction, and refuses an
archive whose history does not say what the customers say.
"""

from django.db import migrations

OLD = """
CREATE OR REPLACE FUNCTION customers_consent_record() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        told text := coalesce(current_setting('hub.consent_source', true), '');
    BEGIN
        -- OLD is null for a new row.
        IF NEW.sms_marketing IS DISTINCT FROM coalesce(OLD.sms_marketing, false) THEN
            INSERT INTO customers_consentchange (account_id, customer_id, flag, old_value,
                new_value, source, source_name, changed_at)
            VALUES (NEW.account_id, NEW.id, 'sms_marketing', OLD.sms_marketing,
                NEW.sms_marketing, left(split_part(told, ':', 1), 20),
                left(substr(told, strpos(told, ':') + 1), 255), statement_timestamp());
        END IF;
        IF NEW.email_marketing IS DISTINCT FROM coalesce(OLD.email_marketing, false) THEN
            INSERT INTO customers_consentchange (account_id, customer_id, flag, old_value,
                new_value, source, source_name, changed_at)
            VALUES (NEW.account_id, NEW.id, 'email_marketing', OLD.email_marketing,
                NEW.email_marketing, left(split_part(told, ':', 1), 20),
                left(substr(told, strpos(told, ':') + 1), 255), statement_timestamp());
        END IF;
        RETURN NULL;
    END
$$;
"""
NEW = OLD.replace(
    "        -- OLD is null for a new row.\n",
    """        IF TG_OP = 'INSERT' AND current_setting('hub.loads_archive', true) = 'on' THEN
            RETURN NULL;
        END IF;
        -- OLD is null for a new row.
""",
)


class Migration(migrations.Migration):
    dependencies = [("customers", "0008_updated_at")]

    operations = [migrations.RunSQL(NEW, OLD)]

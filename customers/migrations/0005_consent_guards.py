"""Consent writes its own history, and nobody changes it.

The source is what the transaction says in ``hub.consent_source``: a kind and a name with a
colon between (customers/consent.py).
"""

from django.db import migrations

RECORD = """
CREATE FUNCTION customers_consent_record() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER customers_consent_insert_trg AFTER INSERT ON customers_customer
    FOR EACH ROW WHEN (NEW.sms_marketing OR NEW.email_marketing)
    EXECUTE FUNCTION customers_consent_record();
CREATE TRIGGER customers_consent_update_trg AFTER UPDATE ON customers_customer
    FOR EACH ROW WHEN (NEW.sms_marketing IS DISTINCT FROM OLD.sms_marketing
        OR NEW.email_marketing IS DISTINCT FROM OLD.email_marketing)
    EXECUTE FUNCTION customers_consent_record();
"""

RECORD_REVERSE = """
DROP TRIGGER customers_consent_update_trg ON customers_customer;
DROP TRIGGER customers_consent_insert_trg ON customers_customer;
DROP FUNCTION customers_consent_record();
"""

# What is known before the history begins; an upgrade loses no consent.
BEGIN = """
INSERT INTO customers_consentchange (account_id, customer_id, flag, new_value, source, source_name)
SELECT account_id, id, flag, true, 'upgrade', ''
FROM customers_customer CROSS JOIN LATERAL (
    VALUES ('sms_marketing', sms_marketing), ('email_marketing', email_marketing)
) AS given (flag, value)
WHERE given.value
ORDER BY id
"""

APPEND_ONLY = """
CREATE FUNCTION customers_consent_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'the history of consent is never changed'
            USING ERRCODE = '23514', CONSTRAINT = 'customers_consent_append_only_trg';
    END
$$;
CREATE TRIGGER customers_consent_append_only_trg BEFORE UPDATE ON customers_consentchange
    FOR EACH ROW EXECUTE FUNCTION customers_consent_append_only();
CREATE TRIGGER customers_consent_truncate_trg BEFORE TRUNCATE ON customers_consentchange
    FOR EACH STATEMENT EXECUTE FUNCTION customers_consent_append_only();

CREATE FUNCTION customers_consent_keep() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM customers_customer
                   WHERE id = OLD.customer_id AND account_id = OLD.account_id) THEN
            RAISE EXCEPTION 'the history of consent goes only with its customer'
                USING ERRCODE = '23514', CONSTRAINT = 'customers_consent_append_only_trg';
        END IF;
        RETURN NULL;
    END
$$;
CREATE TRIGGER customers_consent_keep_trg AFTER DELETE ON customers_consentchange
    FOR EACH ROW EXECUTE FUNCTION customers_consent_keep();
"""

APPEND_ONLY_REVERSE = """
DROP TRIGGER customers_consent_keep_trg ON customers_consentchange;
DROP FUNCTION customers_consent_keep();
DROP TRIGGER customers_consent_truncate_trg ON customers_consentchange;
DROP TRIGGER customers_consent_append_only_trg ON customers_consentchange;
DROP FUNCTION customers_consent_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("customers", "0004_consent_history")]

    operations = [
        migrations.RunSQL(BEGIN, migrations.RunSQL.noop),
        migrations.RunSQL(RECORD, RECORD_REVERSE),
        migrations.RunSQL(APPEND_ONLY, APPEND_ONLY_REVERSE),
    ]

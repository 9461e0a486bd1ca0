"""An account that is loaded from an archive brings the history of its requests along."""

from django.db import migrations

OLD = """
CREATE OR REPLACE FUNCTION desk_request_record() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        told text := left(coalesce(current_setting('hub.request_by', true), ''), 255);
        field text;
        was text;
        now_is text;
    BEGIN
        IF TG_OP = 'INSERT' THEN
            INSERT INTO desk_requestchange
                (account_id, request_id, field, new_value, user_name, changed_at)
            VALUES (NEW.account_id, NEW.id, 'created', NEW.state, told, statement_timestamp());
            RETURN NULL;
        END IF;
        FOREACH field IN ARRAY ARRAY['kind', 'received_on', 'extended_on', 'due_on', 'state',
                'outcome', 'assigned_to_id', 'customer_id', 'extension_reason', 'notes'] LOOP
            was := to_jsonb(OLD) ->> field;
            now_is := to_jsonb(NEW) ->> field;
            CONTINUE WHEN was IS NOT DISTINCT FROM now_is;
            IF field IN ('extension_reason', 'notes') THEN
                was := NULL;
                now_is := NULL;
            END IF;
            INSERT INTO desk_requestchange
                (account_id, request_id, field, old_value, new_value, user_name, changed_at)
            VALUES (NEW.account_id, NEW.id, field, was, now_is, told, statement_timestamp());
        END LOOP;
        RETURN NULL;
    END
$$;
"""
NEW = OLD.replace(
    "        IF TG_OP = 'INSERT' THEN\n",
    """        IF TG_OP = 'INSERT' AND current_setting('hub.loads_archive', true) = 'on' THEN
            RETURN NULL;
        END IF;
        IF TG_OP = 'INSERT' THEN
""",
)


class Migration(migrations.Migration):
    dependencies = [("desk", "0003_retention_rules")]

    operations = [migrations.RunSQL(NEW, OLD)]

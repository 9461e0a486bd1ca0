"""No key is committed without the answer that belongs to it."""

from django.db import migrations

GUARD = """
CREATE FUNCTION accounts_idempotentanswer_complete() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM accounts_idempotentanswer
                   WHERE id = NEW.id AND (status IS NULL OR body IS NULL)) THEN
            RAISE EXCEPTION 'an idempotency key needs its answer'
                USING ERRCODE = '23514', CONSTRAINT = 'accounts_idempotentanswer_complete_trg';
        END IF;
        RETURN NULL;
    END
$$;
CREATE CONSTRAINT TRIGGER accounts_idempotentanswer_complete_trg
    AFTER INSERT ON accounts_idempotentanswer
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
    EXECUTE FUNCTION accounts_idempotentanswer_complete();
"""

REVERSE = """
DROP TRIGGER accounts_idempotentanswer_complete_trg ON accounts_idempotentanswer;
DROP FUNCTION accounts_idempotentanswer_complete();
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_idempotent_answer")]

    operations = [migrations.RunSQL(GUARD, REVERSE)]

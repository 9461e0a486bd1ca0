"""The audit trail is append-only, whoever writes."""

from django.db import migrations

GUARD = """
CREATE FUNCTION hub_audit_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'entries of the audit trail are neither changed nor deleted'
            USING ERRCODE = '23514', CONSTRAINT = 'hub_audit_append_only_trg';
    END
$$;
CREATE TRIGGER hub_audit_append_only_trg BEFORE UPDATE OR DELETE ON hubcustomers_auditentry
    FOR EACH ROW EXECUTE FUNCTION hub_audit_append_only();
CREATE TRIGGER hub_audit_truncate_trg BEFORE TRUNCATE ON hubcustomers_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION hub_audit_append_only();
"""

GUARD_REVERSE = """
DROP TRIGGER hub_audit_truncate_trg ON hubcustomers_auditentry;
DROP TRIGGER hub_audit_append_only_trg ON hubcustomers_auditentry;
DROP FUNCTION hub_audit_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("hubcustomers", "0001_initial")]

    operations = [migrations.RunSQL(GUARD, GUARD_REVERSE)]

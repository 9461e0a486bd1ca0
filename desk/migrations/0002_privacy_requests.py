"""Requests of people: a trigger writes their history, and nobody changes or deletes it."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

import desk.privacy.models
import hubcustomers.tenancy.models

# Values are kept of what tells nothing about the person; free text only by the column's name.
RECORD = """
CREATE FUNCTION desk_request_record() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE TRIGGER desk_request_record_trg AFTER INSERT OR UPDATE ON desk_privacyrequest
    FOR EACH ROW EXECUTE FUNCTION desk_request_record();

CREATE FUNCTION desk_request_extended() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'a request is extended once'
            USING ERRCODE = '23514', CONSTRAINT = 'desk_request_extended_trg';
    END
$$;
CREATE TRIGGER desk_request_extended_trg BEFORE UPDATE OF extended_on ON desk_privacyrequest
    FOR EACH ROW WHEN (OLD.extended_on IS NOT NULL
        AND NEW.extended_on IS DISTINCT FROM OLD.extended_on)
    EXECUTE FUNCTION desk_request_extended();
"""

RECORD_REVERSE = """
DROP TRIGGER desk_request_extended_trg ON desk_privacyrequest;
DROP FUNCTION desk_request_extended();
DROP TRIGGER desk_request_record_trg ON desk_privacyrequest;
DROP FUNCTION desk_request_record();
"""

KEEP = """
CREATE FUNCTION desk_request_keep() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'requests are never deleted, and their history is never changed'
            USING ERRCODE = '23514', CONSTRAINT = 'desk_request_keep_trg';
    END
$$;
CREATE TRIGGER desk_request_keep_trg BEFORE DELETE ON desk_privacyrequest
    FOR EACH ROW EXECUTE FUNCTION desk_request_keep();
CREATE TRIGGER desk_request_truncate_trg BEFORE TRUNCATE ON desk_privacyrequest
    FOR EACH STATEMENT EXECUTE FUNCTION desk_request_keep();
CREATE TRIGGER desk_requestchange_keep_trg BEFORE UPDATE OR DELETE ON desk_requestchange
    FOR EACH ROW EXECUTE FUNCTION desk_request_keep();
CREATE TRIGGER desk_requestchange_truncate_trg BEFORE TRUNCATE ON desk_requestchange
    FOR EACH STATEMENT EXECUTE FUNCTION desk_request_keep();
"""

KEEP_REVERSE = """
DROP TRIGGER desk_requestchange_truncate_trg ON desk_requestchange;
DROP TRIGGER desk_requestchange_keep_trg ON desk_requestchange;
DROP TRIGGER desk_request_truncate_trg ON desk_privacyrequest;
DROP TRIGGER desk_request_keep_trg ON desk_privacyrequest;
DROP FUNCTION desk_request_keep();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0007_refused_at"),
        ("desk", "0001_erasure_certificates"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="PrivacyRequest",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("access", "access to the data"),
                            ("erasure", "erasure"),
                            ("rectification", "rectification"),
                            ("objection", "objection"),
                        ],
                        max_length=15,
                    ),
                ),
                ("received_on", models.DateField()),
                ("extended_on", models.DateField(editable=False, null=True)),
                (
                    "extension_reason",
                    models.CharField(blank=True, default="", editable=False, max_length=500),
                ),
                (
                    "due_on",
                    models.GeneratedField(
                        db_persist=True,
                        expression=models.Case(
                            models.When(
                                extended_on__isnull=True,
                                then=desk.privacy.models.MonthsLater("received_on", months=1),
                            ),
                            default=desk.privacy.models.MonthsLater("received_on", months=3),
                        ),
                        output_field=models.DateField(),
                    ),
                ),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("open", "open"),
                            ("waiting", "waiting for the person"),
                            ("closed", "closed"),
                        ],
                        default="open",
                        max_length=10,
                    ),
                ),
                (
                    "outcome",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("done", "done as asked"),
                            ("partly", "done in part"),
                            ("nothing", "nothing is held on the person"),
                            ("refused", "refused"),
                            ("withdrawn", "withdrawn"),
                        ],
                        default="",
                        max_length=10,
                    ),
                ),
                ("customer_id", models.BigIntegerField(blank=True, editable=False, null=True)),
                ("notes", models.TextField(blank=True, default="", max_length=2000)),
                ("user_name", models.CharField(editable=False, max_length=255)),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.account",
                    ),
                ),
                (
                    "assigned_to",
                    models.ForeignKey(
                        blank=True,
                        db_constraint=False,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "privacy request",
                "verbose_name_plural": "privacy requests",
            },
        ),
        migrations.CreateModel(
            name="RequestChange",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("field", models.CharField(max_length=30)),
                ("old_value", models.CharField(max_length=40, null=True)),
                ("new_value", models.CharField(max_length=40, null=True)),
                ("user_name", models.CharField(max_length=255)),
                (
                    "changed_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                (
                    "account",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.account",
                    ),
                ),
                (
                    "request",
                    hubcustomers.tenancy.models.TenantForeignKey(
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="changes",
                        to="desk.privacyrequest",
                    ),
                ),
            ],
        ),
        migrations.AddIndex(
            model_name="privacyrequest",
            index=models.Index(fields=["account", "id"], name="desk_request_account_idx"),
        ),
        migrations.AddIndex(
            model_name="privacyrequest",
            index=models.Index(fields=["account", "customer_id"], name="desk_request_customer_idx"),
        ),
        migrations.AddIndex(
            model_name="privacyrequest",
            index=models.Index(
                condition=models.Q(("state", "closed"), _negated=True),
                fields=["account", "due_on"],
                name="desk_request_due_idx",
            ),
        ),
        migrations.AddConstraint(
            model_name="privacyrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("outcome", ""), ("state__in", ["open", "waiting"])),
                    models.Q(("state", "closed"), models.Q(("outcome", ""), _negated=True)),
                    _connector="OR",
                ),
                name="desk_request_outcome_chk",
                violation_error_code="outcome",
                violation_error_message="must be said when a request is closed, and only then",
            ),
        ),
        migrations.AddConstraint(
            model_name="privacyrequest",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("kind__in", ["access", "erasure", "rectification", "objection"])
                ),
                name="desk_request_kind_chk",
                violation_error_code="kind",
                violation_error_message="is no kind of request",
            ),
        ),
        migrations.AddIndex(
            model_name="requestchange",
            index=models.Index(fields=["account", "request", "id"], name="desk_requestchange_idx"),
        ),
        migrations.RunSQL(RECORD, RECORD_REVERSE),
        migrations.RunSQL(KEEP, KEEP_REVERSE),
    ]

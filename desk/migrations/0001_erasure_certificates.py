"""Certificates of erasure, which nobody changes or deletes."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

GUARD = """
CREATE FUNCTION desk_certificate_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'certificates of erasure are neither changed nor deleted'
            USING ERRCODE = '23514', CONSTRAINT = 'desk_certificate_append_only_trg';
    END
$$;
CREATE TRIGGER desk_certificate_append_only_trg BEFORE UPDATE OR DELETE ON desk_erasurecertificate
    FOR EACH ROW EXECUTE FUNCTION desk_certificate_append_only();
CREATE TRIGGER desk_certificate_truncate_trg BEFORE TRUNCATE ON desk_erasurecertificate
    FOR EACH STATEMENT EXECUTE FUNCTION desk_certificate_append_only();
"""

GUARD_REVERSE = """
DROP TRIGGER desk_certificate_truncate_trg ON desk_erasurecertificate;
DROP TRIGGER desk_certificate_append_only_trg ON desk_erasurecertificate;
DROP FUNCTION desk_certificate_append_only();
"""


class Migration(migrations.Migration):
    initial = True

    dependencies = [
        ("accounts", "0006_oauth"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ErasureCertificate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("customer_id", models.BigIntegerField()),
                ("erased_at", models.DateTimeField()),
                (
                    "searched_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                ("user_name", models.CharField(max_length=255)),
                ("fields", models.JSONField(default=list)),
                ("tables", models.PositiveIntegerField()),
                ("columns", models.PositiveIntegerField()),
                ("found", models.JSONField(default=dict)),
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
                    "user",
                    models.ForeignKey(
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
                "verbose_name": "erasure certificate",
                "verbose_name_plural": "erasure certificates",
                "indexes": [
                    models.Index(fields=["account", "id"], name="desk_certificate_account_idx"),
                    models.Index(
                        fields=["account", "customer_id"], name="desk_certificate_customer_idx"
                    ),
                ],
            },
        ),
        migrations.RunSQL(GUARD, GUARD_REVERSE),
    ]

"""The cards of bulk grants: one row for each job and card, whose operation is set once."""

import django.db.models.deletion
from django.db import migrations, models

# The database itself removes rows with their job, which a deleted list takes with it.
KEY = """
ALTER TABLE transfer_grantedcard ADD CONSTRAINT transfer_grantedcard_job_fk
    FOREIGN KEY (job_id) REFERENCES transfer_job (id) ON DELETE CASCADE
"""
KEY_REVERSE = "ALTER TABLE transfer_grantedcard DROP CONSTRAINT transfer_grantedcard_job_fk"

ONCE = """
CREATE FUNCTION transfer_grantedcard_once() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'a grant posts to each card once'
            USING ERRCODE = '23514', CONSTRAINT = 'transfer_grantedcard_once_trg';
    END
$$;
CREATE TRIGGER transfer_grantedcard_once_trg BEFORE UPDATE ON transfer_grantedcard
    FOR EACH ROW WHEN (OLD.operation_id IS NOT NULL)
    EXECUTE FUNCTION transfer_grantedcard_once();
"""
ONCE_REVERSE = """
DROP TRIGGER transfer_grantedcard_once_trg ON transfer_grantedcard;
DROP FUNCTION transfer_grantedcard_once();
"""


class Migration(migrations.Migration):
    dependencies = [("transfer", "0002_checked_state")]

    operations = [
        migrations.CreateModel(
            name="GrantedCard",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("card_id", models.BigIntegerField()),
                ("operation_id", models.BigIntegerField(null=True)),
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
                    "job",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="granted_cards",
                        to="transfer.job",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=("job", "card_id"), name="transfer_grantedcard_uniq"
                    )
                ],
            },
        ),
        migrations.RunSQL(KEY, KEY_REVERSE),
        migrations.RunSQL(ONCE, ONCE_REVERSE),
    ]

"""An operation may void another one of its card, once; the database judges which."""

import django.db.models.deletion
from django.db import migrations, models

import hubcustomers.tenancy.models

# Judged when it is written: operations never change, and none goes but with its card.
GUARD = """
CREATE FUNCTION loyalty_operation_void() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        voided record;
        fault text;
    BEGIN
        SELECT delta, voids_id INTO voided FROM loyalty_loyaltyoperation
            WHERE account_id = NEW.account_id AND card_id = NEW.card_id AND id = NEW.voids_id;
        IF NOT FOUND THEN
            fault := 'an operation voids one of its own card';
        ELSIF voided.voids_id IS NOT NULL THEN
            fault := 'an operation that voids another one is not voided';
        ELSIF NEW.delta <> -voided.delta THEN
            fault := 'an operation that voids another one is its opposite';
        ELSE
            RETURN NEW;
        END IF;
        RAISE EXCEPTION '%', fault
            USING ERRCODE = '23514', CONSTRAINT = 'loyalty_operation_void_trg';
    END
$$;
CREATE TRIGGER loyalty_operation_void_trg BEFORE INSERT ON loyalty_loyaltyoperation
    FOR EACH ROW WHEN (NEW.voids_id IS NOT NULL) EXECUTE FUNCTION loyalty_operation_void();
"""

GUARD_REVERSE = """
DROP TRIGGER loyalty_operation_void_trg ON loyalty_loyaltyoperation;
DROP FUNCTION loyalty_operation_void();
"""


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0004_keep_by_statement")]

    operations = [
        migrations.AddField(
            model_name="loyaltyoperation",
            name="voids",
            field=hubcustomers.tenancy.models.TenantForeignKey(
                blank=True,
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="loyalty.loyaltyoperation",
            ),
        ),
        migrations.AddConstraint(
            model_name="loyaltyoperation",
            constraint=models.UniqueConstraint(
                condition=models.Q(("voids__isnull", False)),
                fields=("account", "voids"),
                name="loyalty_operation_voids_uniq",
                violation_error_code="voids",
                violation_error_message="has already been voided",
            ),
        ),
        migrations.RunSQL(GUARD, GUARD_REVERSE),
    ]

"""A card may be joined into another one, which then has its points; the database judges."""

import django.db.models.deletion
from django.db import migrations, models

import hubcustomers.tenancy.models

# Nothing can be posted to a joined card: it stays empty.
HEAD = """
CREATE OR REPLACE FUNCTION loyalty_card_head() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        card record;
        last record;
    BEGIN
        SELECT balance, last_sequence, joined_into_id INTO card FROM loyalty_loyaltycard
            WHERE id = NEW.id AND account_id = NEW.account_id;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        SELECT sequence, new_balance INTO last FROM loyalty_loyaltyoperation
            WHERE account_id = NEW.account_id AND card_id = NEW.id
            ORDER BY sequence DESC LIMIT 1;
        IF card.balance <> coalesce(last.new_balance, 0)
                OR card.last_sequence <> coalesce(last.sequence, 0) THEN
            RAISE EXCEPTION 'the balance of a card is that of its last operation'
                USING ERRCODE = '23514', CONSTRAINT = 'loyalty_card_head_trg';
        END IF;
        IF card.joined_into_id IS NOT NULL AND card.balance <> 0 THEN
            RAISE EXCEPTION 'a card that was joined into another one is empty'
                USING ERRCODE = '23514', CONSTRAINT = 'loyalty_card_joined_trg';
        END IF;
        RETURN NULL;
    END
$$;
"""

HEAD_REVERSE = """
CREATE OR REPLACE FUNCTION loyalty_card_head() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        card record;
        last record;
    BEGIN
        SELECT balance, last_sequence INTO card FROM loyalty_loyaltycard
            WHERE id = NEW.id AND account_id = NEW.account_id;
        IF NOT FOUND THEN
            RETURN NULL;
        END IF;
        SELECT sequence, new_balance INTO last FROM loyalty_loyaltyoperation
            WHERE account_id = NEW.account_id AND card_id = NEW.id
            ORDER BY sequence DESC LIMIT 1;
        IF card.balance <> coalesce(last.new_balance, 0)
                OR card.last_sequence <> coalesce(last.sequence, 0) THEN
            RAISE EXCEPTION 'the balance of a card is that of its last operation'
                USING ERRCODE = '23514', CONSTRAINT = 'loyalty_card_head_trg';
        END IF;
        RETURN NULL;
    END
$$;
"""

# Judged at the end of the transaction, so that several may move on together.
GUARD = """
CREATE FUNCTION loyalty_card_join_guard() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        joined record;
        other record;
        fault text;
    BEGIN
        SELECT card.joined_into_id, card.customer_list_id, card.balance,
            owner.merged_into_id INTO joined
            FROM loyalty_loyaltycard AS card JOIN customers_customer AS owner
                ON owner.account_id = NEW.account_id AND owner.id = card.customer_id
            WHERE card.account_id = NEW.account_id AND card.id = NEW.id;
        IF NOT FOUND OR joined.joined_into_id IS NULL THEN
            RETURN NULL;
        END IF;
        -- Locked, so that the other one cannot be joined at the same moment.
        SELECT joined_into_id, customer_list_id INTO other FROM loyalty_loyaltycard
            WHERE account_id = NEW.account_id AND id = joined.joined_into_id
            FOR NO KEY UPDATE;
        IF NOT FOUND OR other.customer_list_id <> joined.customer_list_id THEN
            fault := 'cards are joined within one list';
        ELSIF other.joined_into_id IS NOT NULL THEN
            fault := 'a card is joined into one that stands for itself';
        ELSIF joined.merged_into_id IS NULL THEN
            fault := 'a joined card belongs to a merged customer';
        ELSIF joined.balance <> 0 THEN
            fault := 'a card that was joined into another one is empty';
        ELSIF EXISTS (SELECT FROM loyalty_loyaltycard
                      WHERE account_id = NEW.account_id AND joined_into_id = NEW.id) THEN
            fault := 'what was joined into a card goes along with it';
        ELSE
            RETURN NULL;
        END IF;
        RAISE EXCEPTION '%', fault
            USING ERRCODE = '23514', CONSTRAINT = 'loyalty_card_joined_trg';
    END
$$;
CREATE CONSTRAINT TRIGGER loyalty_card_joined_trg
    AFTER INSERT OR UPDATE OF joined_into_id ON loyalty_loyaltycard
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.joined_into_id IS NOT NULL)
    EXECUTE FUNCTION loyalty_card_join_guard();
"""

GUARD_REVERSE = """
DROP TRIGGER loyalty_card_joined_trg ON loyalty_loyaltycard;
DROP FUNCTION loyalty_card_join_guard();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0005_role"),
        ("customers", "0010_merged"),
        ("loyalty", "0006_times"),
    ]

    operations = [
        migrations.AddField(
            model_name="loyaltycard",
            name="joined_into",
            field=hubcustomers.tenancy.models.TenantForeignKey(
                db_constraint=False,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="+",
                to="loyalty.loyaltycard",
            ),
        ),
        migrations.AddIndex(
            model_name="loyaltycard",
            index=models.Index(
                condition=models.Q(("joined_into__isnull", False)),
                fields=["account", "joined_into"],
                name="loyalty_card_joined_idx",
            ),
        ),
        migrations.RunSQL(HEAD, HEAD_REVERSE),
        migrations.RunSQL(GUARD, GUARD_REVERSE),
    ]

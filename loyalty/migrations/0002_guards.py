"""The ledger is append-only and its chains are exact, whoever writes."""

from django.db import migrations

APPEND_ONLY = """
CREATE FUNCTION loyalty_operation_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'loyalty operations are never changed'
            USING ERRCODE = '23514', CONSTRAINT = 'loyalty_operation_append_only_trg';
    END
$$;
CREATE TRIGGER loyalty_operation_update_trg BEFORE UPDATE ON loyalty_loyaltyoperation
    FOR EACH ROW EXECUTE FUNCTION loyalty_operation_append_only();
CREATE TRIGGER loyalty_operation_truncate_trg BEFORE TRUNCATE ON loyalty_loyaltyoperation
    FOR EACH STATEMENT EXECUTE FUNCTION loyalty_operation_append_only();
CREATE TRIGGER loyalty_card_truncate_trg BEFORE TRUNCATE ON loyalty_loyaltycard
    FOR EACH STATEMENT EXECUTE FUNCTION loyalty_operation_append_only();

-- An operation goes only with its card, a card only with its list: judged at the end of
-- the transaction, when a deleted list has taken everything with it.
CREATE FUNCTION loyalty_operation_keep() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM loyalty_loyaltycard
                   WHERE id = OLD.card_id AND account_id = OLD.account_id) THEN
            RAISE EXCEPTION 'a loyalty operation is never deleted'
                USING ERRCODE = '23514', CONSTRAINT = 'loyalty_operation_append_only_trg';
        END IF;
        RETURN NULL;
    END
$$;
CREATE CONSTRAINT TRIGGER loyalty_operation_delete_trg AFTER DELETE ON loyalty_loyaltyoperation
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION loyalty_operation_keep();

CREATE FUNCTION loyalty_card_keep() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM customers_customerlist
                   WHERE id = OLD.customer_list_id AND account_id = OLD.account_id) THEN
            RAISE EXCEPTION 'a loyalty card goes only with its list'
                USING ERRCODE = '23514', CONSTRAINT = 'loyalty_card_keep_trg';
        END IF;
        RETURN NULL;
    END
$$;
CREATE CONSTRAINT TRIGGER loyalty_card_delete_trg AFTER DELETE ON loyalty_loyaltycard
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION loyalty_card_keep();
"""

APPEND_ONLY_REVERSE = """
DROP TRIGGER loyalty_card_delete_trg ON loyalty_loyaltycard;
DROP TRIGGER loyalty_card_truncate_trg ON loyalty_loyaltycard;
DROP TRIGGER loyalty_operation_delete_trg ON loyalty_loyaltyoperation;
DROP TRIGGER loyalty_operation_truncate_trg ON loyalty_loyaltyoperation;
DROP TRIGGER loyalty_operation_update_trg ON loyalty_loyaltyoperation;
DROP FUNCTION loyalty_card_keep();
DROP FUNCTION loyalty_operation_keep();
DROP FUNCTION loyalty_operation_append_only();
"""

CHAIN = """
-- The card says what its last operation says.
CREATE FUNCTION loyalty_card_head() RETURNS trigger LANGUAGE plpgsql AS $$
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
CREATE CONSTRAINT TRIGGER loyalty_card_head_trg
    AFTER INSERT OR UPDATE OF balance, last_sequence ON loyalty_loyaltycard
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION loyalty_card_head();

-- Each operation continues the one before it, without a gap, and none runs ahead.
CREATE FUNCTION loyalty_operation_chain() RETURNS trigger LANGUAGE plpgsql AS $$
    DECLARE
        previous numeric := 0;
    BEGIN
        IF NEW.sequence <> 1 THEN
            SELECT new_balance INTO previous FROM loyalty_loyaltyoperation
                WHERE account_id = NEW.account_id AND card_id = NEW.card_id
                AND sequence = NEW.sequence - 1;
        END IF;
        IF previous IS NULL OR NEW.new_balance <> previous + NEW.delta
                OR NOT EXISTS (SELECT FROM loyalty_loyaltycard
                               WHERE id = NEW.card_id AND account_id = NEW.account_id
                               AND last_sequence >= NEW.sequence) THEN
            -- Posted and gone with its list in one transaction: nothing is left to judge.
            IF NOT EXISTS (SELECT FROM loyalty_loyaltyoperation
                           WHERE id = NEW.id AND account_id = NEW.account_id) THEN
                RETURN NULL;
            END IF;
            RAISE EXCEPTION 'an operation continues the card''s last one'
                USING ERRCODE = '23514', CONSTRAINT = 'loyalty_operation_chain_trg';
        END IF;
        RETURN NULL;
    END
$$;
CREATE CONSTRAINT TRIGGER loyalty_operation_chain_trg AFTER INSERT ON loyalty_loyaltyoperation
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION loyalty_operation_chain();
"""

CHAIN_REVERSE = """
DROP TRIGGER loyalty_operation_chain_trg ON loyalty_loyaltyoperation;
DROP TRIGGER loyalty_card_head_trg ON loyalty_loyaltycard;
DROP FUNCTION loyalty_operation_chain();
DROP FUNCTION loyalty_card_head();
"""


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0001_initial")]

    operations = [
        migrations.RunSQL(APPEND_ONLY, APPEND_ONLY_REVERSE),
        migrations.RunSQL(CHAIN, CHAIN_REVERSE),
    ]

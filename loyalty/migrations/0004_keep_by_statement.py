"""What may go with a list is judged by statement, not by row: a quarter less work.

The guarantee is that of ``0002_guards``. An operation goes only when its card has gone, a
card only when its list has gone. Both are judged as soon as the statement is done, once for
all rows that it and its cascades took; the card cannot be made again with its id, because
its list cannot: that alone is left to the end of the transaction.
"""

from django.db import migrations

BY_STATEMENT = """
DROP TRIGGER loyalty_operation_delete_trg ON loyalty_loyaltyoperation;
DROP TRIGGER loyalty_card_delete_trg ON loyalty_loyaltycard;

CREATE OR REPLACE FUNCTION loyalty_operation_keep() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM gone JOIN loyalty_loyaltycard AS card
                   ON card.id = gone.card_id AND card.account_id = gone.account_id) THEN
            RAISE EXCEPTION 'a loyalty operation is never deleted'
                USING ERRCODE = '23514', CONSTRAINT = 'loyalty_operation_append_only_trg';
        END IF;
        RETURN NULL;
    END
$$;
CREATE TRIGGER loyalty_operation_delete_trg AFTER DELETE ON loyalty_loyaltyoperation
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION loyalty_operation_keep();

CREATE OR REPLACE FUNCTION loyalty_card_keep() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM gone JOIN customers_customerlist AS list
                   ON list.id = gone.customer_list_id AND list.account_id = gone.account_id) THEN
            RAISE EXCEPTION 'a loyalty card goes only with its list'
                USING ERRCODE = '23514', CONSTRAINT = 'loyalty_card_keep_trg';
        END IF;
        RETURN NULL;
    END
$$;
CREATE TRIGGER loyalty_card_delete_trg AFTER DELETE ON loyalty_loyaltycard
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION loyalty_card_keep();

CREATE FUNCTION loyalty_list_gone() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM customers_customerlist
                   WHERE id = OLD.id AND account_id = OLD.account_id) THEN
            RAISE EXCEPTION 'a list that was deleted does not come back'
                USING ERRCODE = '23514', CONSTRAINT = 'loyalty_card_keep_trg';
        END IF;
        RETURN NULL;
    END
$$;
CREATE CONSTRAINT TRIGGER loyalty_list_delete_trg AFTER DELETE ON customers_customerlist
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION loyalty_list_gone();
"""

BY_ROW = """
DROP TRIGGER loyalty_list_delete_trg ON customers_customerlist;
DROP FUNCTION loyalty_list_gone();
DROP TRIGGER loyalty_card_delete_trg ON loyalty_loyaltycard;
DROP TRIGGER loyalty_operation_delete_trg ON loyalty_loyaltyoperation;

CREATE OR REPLACE FUNCTION loyalty_operation_keep() RETURNS trigger LANGUAGE plpgsql AS $$
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

CREATE OR REPLACE FUNCTION loyalty_card_keep() RETURNS trigger LANGUAGE plpgsql AS $$
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


class Migration(migrations.Migration):
    dependencies = [("loyalty", "0003_operation_order")]

    operations = [migrations.RunSQL(BY_STATEMENT, BY_ROW)]

"""Cards note with their customers that they have one."""

from django.db import migrations

FILL = """
UPDATE customers_customer AS customer SET has_card = true
WHERE EXISTS (SELECT FROM loyalty_loyaltycard AS card
    WHERE card.account_id = customer.account_id AND card.customer_id = customer.id)
"""

# By statement, as imports make ten thousand at once. Imports say it of new customers by
# themselves, which saves writing those twice.
MADE = """
CREATE FUNCTION loyalty_card_made() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE customers_customer AS customer SET has_card = true FROM made
            WHERE customer.account_id = made.account_id AND customer.id = made.customer_id
            AND NOT customer.has_card;
        RETURN NULL;
    END
$$;
CREATE TRIGGER loyalty_card_made_trg AFTER INSERT ON loyalty_loyaltycard
    REFERENCING NEW TABLE AS made FOR EACH STATEMENT EXECUTE FUNCTION loyalty_card_made();
"""

MADE_REVERSE = """
DROP TRIGGER loyalty_card_made_trg ON loyalty_loyaltycard;
DROP FUNCTION loyalty_card_made();
"""

# Cards change hands when customers are merged, and when that is undone.
MOVED = """
CREATE FUNCTION loyalty_card_moved() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        UPDATE customers_customer AS customer SET has_card = EXISTS (
                SELECT FROM loyalty_loyaltycard AS card
                WHERE card.account_id = customer.account_id AND card.customer_id = customer.id)
            WHERE customer.account_id = NEW.account_id
            AND customer.id IN (OLD.customer_id, NEW.customer_id);
        RETURN NULL;
    END
$$;
CREATE TRIGGER loyalty_card_moved_trg AFTER UPDATE OF customer_id ON loyalty_loyaltycard
    FOR EACH ROW WHEN (OLD.customer_id <> NEW.customer_id)
    EXECUTE FUNCTION loyalty_card_moved();
"""

MOVED_REVERSE = """
DROP TRIGGER loyalty_card_moved_trg ON loyalty_loyaltycard;
DROP FUNCTION loyalty_card_moved();
"""


class Migration(migrations.Migration):
    dependencies = [("customers", "0011_has_card"), ("loyalty", "0007_joined")]

    operations = [
        migrations.RunSQL(MADE, MADE_REVERSE),
        migrations.RunSQL(MOVED, MOVED_REVERSE),
        # Behind the triggers: a card made meanwhile notes it by itself.
        migrations.RunSQL(FILL, migrations.RunSQL.noop),
    ]

"""Whether a customer has a loyalty card, noted with the customer."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("customers", "0010_merged")]

    operations = [
        migrations.AddField(
            model_name="customer",
            name="has_card",
            field=models.BooleanField(db_default=False, default=False, editable=False),
        ),
        migrations.AddIndex(
            model_name="customer",
            index=models.Index(
                condition=models.Q(("has_card", False)),
                fields=["account", "id"],
                name="customers_cardless_idx",
            ),
        ),
    ]

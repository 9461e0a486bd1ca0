"""An index over time for the last weeks, which costs a write nothing (BRIN)."""

import django.contrib.postgres.indexes
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("loyalty", "0005_voids"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="loyaltyoperation",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["created_at"], name="loyalty_operation_time_idx"
            ),
        ),
    ]

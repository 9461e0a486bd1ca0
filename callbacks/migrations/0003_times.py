"""An index over time for the last days' attempts, which costs a write nothing (BRIN)."""

import django.contrib.postgres.indexes
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [
        ("callbacks", "0002_back_office_indexes"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="deliveryattempt",
            index=django.contrib.postgres.indexes.BrinIndex(
                autosummarize=True, fields=["started_at"], name="callbacks_attempt_time_idx"
            ),
        ),
    ]

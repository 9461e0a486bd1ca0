"""What the tenancy backend can do."""

from django.db.backends.postgresql import features
from django.db.models import Model

from hubcustomers.tenancy.tables import carries_account


class DatabaseFeatures(features.DatabaseFeatures):
    """PostgreSQL's features, less one that needs a primary key of a single column."""

    def allows_group_by_selected_pks_on_model(self, model: type[Model]) -> bool:
        """Return False where ``id`` alone is not the primary key in the database."""
        return not carries_account(model) and super().allows_group_by_selected_pks_on_model(model)

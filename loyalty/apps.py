"""The app's name in Django, and what it tells of itself."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class LoyaltyConfig(AppConfig):
    """The loyalty app."""

    name = "loyalty"
    verbose_name = _("Loyalty")

    def ready(self) -> None:
        """Have the metrics tell of the ledger, and say what the app holds of people."""
        # Models cannot be imported before Django has started.
        from hubcustomers.observing.metrics import register_gauges
        from loyalty.holdings import register_holdings
        from loyalty.measures import ledger_gauges

        register_gauges(ledger_gauges)
        register_holdings()

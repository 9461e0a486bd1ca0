"""The app's name in Django."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CustomersConfig(AppConfig):
    """The customers app."""

    name = "customers"
    verbose_name = _("Customers")

    def ready(self) -> None:
        """Say what the app holds of people."""
        # Models cannot be imported before Django has started.
        from customers.holdings import register_holdings

        register_holdings()

"""The app's name in Django, and its part in anonymising a customer."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class OrdersConfig(AppConfig):
    """The orders app."""

    name = "orders"
    verbose_name = _("Orders")

    def ready(self) -> None:
        """Have anonymising a customer reach its orders too."""
        # Models cannot be imported before Django has started.
        from customers.erasure import register_eraser
        from orders.erasure import erase_from_orders
        from orders.holdings import register_holdings

        register_eraser(erase_from_orders)
        register_holdings()

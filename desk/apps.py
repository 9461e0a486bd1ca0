"""The desk as a Django app."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DeskConfig(AppConfig):
    """What staff do across all apps."""

    name = "desk"
    # What its pages are about.
    verbose_name = _("Privacy")

    def ready(self) -> None:
        """Register what the app holds of people, its eraser and its kinds of jobs."""
        # Models cannot be imported before Django has started.
        from customers.erasure import register_eraser
        from desk.holdings import register_holdings
        from desk.merging import holdings as merging_holdings
        from desk.merging.erasing import erase_from_desk
        from desk.merging.searching import register_search
        from desk.privacy.proof import register_proof
        from desk.privacy.requests import erase_notes
        from desk.privacy.retention import register_retention

        register_eraser(erase_notes)
        register_holdings()
        merging_holdings.register_holdings()
        register_proof()
        register_retention()
        register_eraser(erase_from_desk)
        register_search()

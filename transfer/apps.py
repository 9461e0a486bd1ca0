"""The transfer app, and what it holds of people that anonymising must reach."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class TransferConfig(AppConfig):
    """Imports, exports and background jobs."""

    name = "transfer"
    verbose_name = _("Import and export")

    def ready(self) -> None:
        """Register the erasers, the kinds of jobs and what the metrics tell of them."""
        from customers.erasure import register_eraser
        from hubcustomers.observing.metrics import register_gauges
        from transfer.erasure import erase_files, forget_fingerprints
        from transfer.grants import register_grants
        from transfer.holdings import register_holdings
        from transfer.measures import job_gauges
        from transfer.uploaded import register_import

        register_eraser(erase_files)
        register_eraser(forget_fingerprints)
        register_import()
        register_grants()
        register_gauges(job_gauges)
        register_holdings()

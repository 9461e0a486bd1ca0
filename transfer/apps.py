"""The transfer app, and what it holds of people that anonymising must reach."""

from django.apps import AppConfig


class TransferConfig(AppConfig):
    """Imports, exports and background jobs."""

    name = "transfer"

    def ready(self) -> None:
        """Register the eraser, and the kinds of jobs."""
        from customers.erasure import register_eraser
        from transfer.erasure import erase_rows, erase_rows_of_many
        from transfer.uploaded import register_import

        register_eraser(erase_rows, of_many=erase_rows_of_many)
        register_import()

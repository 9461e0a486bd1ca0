"""The back-office of background jobs, imports and exports."""

from transfer.admin import exporting, granting, home, importing
from transfer.admin.jobs import JobAdmin

__all__ = ["JobAdmin", "exporting", "granting", "home", "importing"]

"""The back-office of background jobs, imports and exports."""

from transfer.admin.jobs import JobAdmin

__all__ = ["JobAdmin"]

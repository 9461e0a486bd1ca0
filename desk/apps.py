"""The desk as a Django app."""

from django.apps import AppConfig


class DeskConfig(AppConfig):
    """What staff do across all apps."""

    name = "desk"

    def ready(self) -> None:
        """Say what the app holds of people, and register its kinds of jobs."""
        # Models cannot be imported before Django has started.
        from desk.holdings import register_holdings
        from desk.privacy.proof import register_proof

        register_holdings()
        register_proof()

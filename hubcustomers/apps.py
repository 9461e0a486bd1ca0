"""The rooms that every app shares, as one Django app: checks and connection care."""

from django.apps import AppConfig
from django.core.checks import Tags, register

from hubcustomers.backoffice.wording import translate_models
from hubcustomers.checks import check_durability
from hubcustomers.observing.metrics import register_gauges
from hubcustomers.observing.pulse import worker_gauges
from hubcustomers.tenancy.tables import check_tables


class HubcustomersConfig(AppConfig):
    """The shared rooms."""

    name = "hubcustomers"

    def ready(self) -> None:
        """Register the system checks, and what the metrics tell of workers."""
        translate_models()
        register(check_tables)
        register(check_durability, Tags.database)
        register_gauges(worker_gauges)

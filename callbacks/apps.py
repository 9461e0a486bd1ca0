"""The app's name in Django, and what it tells of itself."""

from django.apps import AppConfig


class CallbacksConfig(AppConfig):
    """The callbacks app."""

    name = "callbacks"

    def ready(self) -> None:
        """Have the metrics tell of the outbox."""
        from callbacks.measures import outbox_gauges
        from hubcustomers.observing.metrics import register_gauges

        register_gauges(outbox_gauges)

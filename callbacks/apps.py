"""The app's name in Django, and what it tells of itself."""

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class CallbacksConfig(AppConfig):
    """The callbacks app."""

    name = "callbacks"
    verbose_name = _("Callbacks")

    def ready(self) -> None:
        """Have the metrics tell of the outbox."""
        from callbacks.measures import outbox_gauges
        from hubcustomers.observing.metrics import register_gauges

        register_gauges(outbox_gauges)

"""The back-office of callbacks, and of the events that wait for them."""

from callbacks.admin import home
from callbacks.admin.callbacks import CallbackAdmin
from callbacks.admin.events import EventAdmin

__all__ = ["CallbackAdmin", "EventAdmin", "home"]

"""``manage.py deliver_events``: the worker that sends events to their receivers."""

import signal
from argparse import ArgumentParser, ArgumentTypeError
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from callbacks.delivery import Worker


class Command(BaseCommand):
    """Delivers events until it is told to stop."""

    help = (
        "Send events to the callback URLs of their connections, until stopped by Ctrl-C or"
        " TERM. ./script/server runs one such worker; more may run beside it, on this machine"
        " or on others. A worker that is killed loses nothing: another one sends its events"
        " half a minute later."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument(
            "--once", action="store_true", help="deliver what is due now, then stop"
        )
        parser.add_argument(
            "--workers",
            type=_number,
            default=settings.CALLBACK_WORKERS,
            metavar="N",
            help="how many events to send at once"
            f" (default: HUB_CALLBACK_WORKERS, which is {settings.CALLBACK_WORKERS})",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the worker."""
        worker = Worker(options["workers"])
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda _number, _frame: worker.stop())
        worker.run(once=options["once"])


def _number(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= 1000):
        raise ArgumentTypeError(f"must be a whole number from 1 to 1000, not {text!r}")
    return int(text)

"""``manage.py run_jobs``: the worker that runs background jobs, like imports."""

import signal
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from transfer.jobs import Worker


class Command(BaseCommand):
    """Runs background jobs until it is told to stop."""

    help = (
        "Run the jobs that the back-office starts, one after the other, until stopped by Ctrl-C"
        " or TERM. ./script/server runs one such worker; more may run beside it. A worker that"
        " is killed loses nothing: another one goes on with its job a minute later."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--once", action="store_true", help="run what waits now, then stop")

    def handle(self, *args: Any, **options: Any) -> None:
        """Run the worker."""
        worker = Worker()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda _number, _frame: worker.stop())
        worker.run(once=options["once"])

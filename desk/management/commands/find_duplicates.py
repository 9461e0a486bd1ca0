"""``manage.py find_duplicates``: who may be one person twice."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from desk.merging.duplicates import pairs_of_list, search
from hubcustomers.progress import Progress
from transfer.commandline import find_list


class Command(BaseCommand):
    """Searches a list for customers who may be one person."""

    help = (
        "Search a customer list for people who are in it twice: the same phone, the same e-mail,"
        " or a name with at most one letter another at the same postal code. Nothing is merged:"
        " the pairs are printed by their ids, with the reasons and nothing of what they share,"
        ' and are on the page "Possible duplicates" of the list, where staff merge them or say'
        " that they are two people; such a pair is not printed again. Exit code: 0."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--list", required=True, metavar="ID", help="the customer list's id")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Search, and print what was found."""
        customer_list = find_list(options["list"])
        progress: Progress | None = None
        for done, steps in search(customer_list):
            progress = progress or Progress(self.stderr, steps, what="steps")
            progress.tell(done)
        pairs = [
            {"customers": [pair.first.public_id, pair.second.public_id], "reasons": pair.reasons}
            for pair in pairs_of_list(customer_list).order_by("pk").iterator(chunk_size=2000)
        ]
        if options["json"]:
            report = {"customer_list": customer_list.public_id, "pairs": pairs}
            self.stdout.write(json.dumps(report))
            return
        for pair in pairs:
            self.stdout.write(f"{' '.join(pair['customers'])}  {', '.join(pair['reasons'])}")
        self.stdout.write(f"{len(pairs):,} pairs that may be one person.")

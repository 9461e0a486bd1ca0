"""What the two export commands share."""

from argparse import ArgumentParser, ArgumentTypeError
from datetime import datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from django.core.management.base import BaseCommand, CommandError

from accounts.models import Client
from customers.models import CustomerList
from hubcustomers.backoffice import audit
from hubcustomers.exceptions import InvalidField
from hubcustomers.progress import Progress
from transfer.commandline import WRONG, find_list, output
from transfer.exports import FORMATS, Wanted, export, one_moment

_FILTERS = ("private_ref", "email", "phone")


class ExportCommand(BaseCommand):
    """Writes rows of a list as they are at one moment, in bounded memory."""

    kind: ClassVar[str]

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--list", required=True, metavar="ID", help="the customer list's id")
        parser.add_argument("--format", choices=FORMATS, default="csv", help="default: csv")
        parser.add_argument(
            "--output", default="-", metavar="FILE", help="default: the standard output"
        )
        parser.add_argument(
            "--client",
            default="import",
            metavar="NAME",
            help="whose private refs are shown (default: import)",
        )
        for name in _FILTERS:
            stars = "" if name == "private_ref" else "; * stands for anything"
            parser.add_argument(
                f"--{name.replace('_', '-')}", help=f"only customers with it{stars}"
            )
        for name, meaning in (("after", "created then or later"), ("before", "created earlier")):
            parser.add_argument(f"--{name}", type=_moment, metavar="TIME", help=f"only {meaning}")
        if self.kind == "customers":
            parser.add_argument(
                "--anonymised", choices=("yes", "no"), help="only these (default: both)"
            )
            for name in ("sms", "email"):
                parser.add_argument(
                    f"--{name}-marketing",
                    action="store_true",
                    help=f"only who consents to marketing by {name}",
                )

    def handle(self, *args: Any, **options: Any) -> None:
        """Write the rows."""
        customer_list = find_list(options["list"])
        wanted = _wanted(customer_list, options)
        progress = Progress(self.stderr)
        count = -1 if options["format"] == "csv" else 0
        try:
            with output(options["output"], self.stdout) as file, one_moment():
                for text in export(self.kind, wanted, options["format"]):
                    file.write(text)
                    count += 1
                    progress.tell(count)
                audit.record(None, customer_list, "exported")
        except InvalidField as error:
            raise CommandError(str(error), returncode=WRONG) from error
        self.stderr.write(f"{count:,} {self.kind} exported.")


def _wanted(customer_list: CustomerList, options: dict[str, Any]) -> Wanted:
    zone = ZoneInfo((customer_list.location or customer_list.account).timezone)
    anonymised = options.get("anonymised")
    client = Client.objects.filter(name=options["client"]).values_list("pk", flat=True).first()
    return Wanted(
        customer_list=customer_list,
        client_id=client or 0,
        filters={name: options[name] for name in _FILTERS if options[name] is not None},
        after=_in_zone(options["after"], zone),
        before=_in_zone(options["before"], zone),
        anonymised=None if anonymised is None else anonymised == "yes",
        consent=tuple(name for name in ("sms_marketing", "email_marketing") if options.get(name)),
    )


def _moment(text: str) -> datetime:
    try:
        return datetime.fromisoformat(text)
    except ValueError as error:
        raise ArgumentTypeError(
            f"must be a day or a time, like 2026-01-31 or 2026-01-31T12:00, not {text!r}"
        ) from error


def _in_zone(moment: datetime | None, zone: ZoneInfo) -> datetime | None:
    """Return the moment; one without an offset is on the clocks of the list's place."""
    if moment is None or moment.utcoffset() is not None:
        return moment
    return moment.replace(tzinfo=zone)

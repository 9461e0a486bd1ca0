"""``manage.py register_client``: a client, and where it may send people back to."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts import services
from accounts.models import Client
from hubcustomers.backoffice import audit


class Command(BaseCommand):
    """Makes a client where there is none of the name, and registers redirect URIs."""

    help = (
        "Register an application that asks for its token by OAuth: make the client where none has"
        " the name, add redirect URIs, and print its id and secret."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Declare the arguments."""
        parser.add_argument("--client", required=True, metavar="NAME")
        parser.add_argument(
            "--redirect-uri",
            action="append",
            default=[],
            metavar="URI",
            help="where people may be sent back to; may be given several times, and is added to"
            " what is registered already",
        )
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *args: Any, **options: Any) -> None:
        """Register it and print it."""
        try:
            client = self._register(options["client"], options["redirect_uri"])
        except ValidationError as error:
            raise CommandError("; ".join(error.messages)) from error
        uris = client.redirect_uris.split()
        told = {
            "client_id": client.client_id,
            "client_secret": client.client_secret,
            "client_name": client.name,
            "redirect_uris": uris,
        }
        if options["json"]:
            self.stdout.write(json.dumps(told))
            return
        for name, value in {**told, "redirect_uris": " ".join(uris) or "-"}.items():
            self.stdout.write(f"{name + ':':18} {value}")

    @transaction.atomic
    def _register(self, name: str, uris: list[str]) -> Client:
        services.lock_names()
        client = services.get_client(name)
        # In order, each once.
        known = client.redirect_uris.split()
        new = [uri for uri in dict.fromkeys(uris) if uri not in known]
        if any(not uri or uri.split() != [uri] for uri in new):
            raise ValidationError("A redirect URI must not be empty or contain blanks.")
        if new:
            client.redirect_uris = "\n".join([*known, *new])
            client.full_clean()
            client.save(update_fields=["redirect_uris"])
            audit.record(None, client, "changed", fields=["redirect_uris"])
        return client

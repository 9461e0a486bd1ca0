"""``manage.py write_reference``: write docs/reference.md anew, and the OpenAPI document."""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from reference.markdown import render
from reference.schema import document


class Command(BaseCommand):
    """Writes the API's reference from the code, or tells whether it has to be."""

    help = (
        "Write docs/reference.md from the code, and with --openapi the OpenAPI 3.1 document, as"
        " a running hub serves it at /openapi.json. With --check nothing is written, and the exit"
        " status is 1 where docs/reference.md is not as the code has it."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add the options."""
        parser.add_argument("--check", action="store_true", help="compare only")
        parser.add_argument("--openapi", metavar="FILE", help="where to write the document")

    def handle(self, *args: Any, check: bool, openapi: str | None, **options: Any) -> None:
        """Write or compare the reference."""
        path, text = Path(settings.BASE_DIR) / "docs" / "reference.md", render()
        if check and path.read_text() != text:
            raise CommandError("docs/reference.md is out of date: run manage.py write_reference.")
        if not check:
            path.write_text(text)
        if openapi is not None:
            Path(openapi).write_text(json.dumps(document(), indent=1, ensure_ascii=False) + "\n")

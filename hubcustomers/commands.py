"""What the hub's own commands have in common."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand


class ExplainedCommand(BaseCommand):
    """A command whose help is a page of text, shown line by line as it is written."""

    # System checks are about the code: the tests and migrate make them. A nightly command need not,
    # and a warning about settings must neither stop a backup nor look like a broken ledger.
    requires_system_checks = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        """Return the parser; the help keeps its lines."""
        kwargs["formatter_class"] = argparse.RawDescriptionHelpFormatter
        return super().create_parser(prog_name, subcommand, **kwargs)

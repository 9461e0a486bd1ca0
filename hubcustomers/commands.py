"""What the hub's own commands have in common."""

import argparse
import os
import sys
from typing import Any, NoReturn

from django.core.management import execute_from_command_line
from django.core.management.base import BaseCommand
from django.db import OperationalError

_NOTHING_DONE = 2
_PIPE_CLOSED = 141
_STOPPED = 130


def main(words: list[str]) -> None:
    """Run a command; what the machine does to it is told in a sentence, not in a traceback.

    Exit status, besides the command's own: 2 for words that cannot be read or a database that is
    away, 130 for one that was stopped from the keyboard, 141 for one to whom nobody listens.
    """
    try:
        _judge(words)
        execute_from_command_line(words)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes once more when it ends, which must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(_PIPE_CLOSED)
    except KeyboardInterrupt:
        _end("Stopped.", _STOPPED)
    except OperationalError as error:
        _end(f"The database cannot be used: {error}".strip(), _NOTHING_DONE)


def _judge(words: list[str]) -> None:
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError:
            _end(f"This is not UTF-8: {word!a}", _NOTHING_DONE)


def _end(sentence: str, status: int) -> NoReturn:
    sys.stderr.write(f"{sentence}\n")
    sys.exit(status)


class ExplainedCommand(BaseCommand):
    """A command whose help is a page of text, shown line by line as it is written."""

    # System checks are about the code: the tests and migrate make them. A nightly command need not,
    # and a warning about settings must neither stop a backup nor look like a broken ledger.
    requires_system_checks = []

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> Any:
        """Return the parser; the help keeps its lines."""
        kwargs["formatter_class"] = argparse.RawDescriptionHelpFormatter
        return super().create_parser(prog_name, subcommand, **kwargs)

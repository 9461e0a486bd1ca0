"""``manage.py reset_second_factor NAME``: for a staff user who lost the telephone."""

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from signin import factors


class Command(BaseCommand):
    """Takes the second factor of a staff user away."""

    help = "Take a staff user's second factor away; the next sign-in sets up a new one."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the user name."""
        parser.add_argument("name", metavar="NAME", help="user name, as at the login")

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        """Take it away, end the user's sessions, and say so."""
        user = User.objects.filter(username=name).first()
        if user is None:
            raise CommandError(f"There is no user {name}.")
        if not factors.reset(user, by=None):
            raise CommandError(f"{name} has no second factor.")
        self.stdout.write(
            f"The second factor of {name} is taken away and every session ended."
            " The next sign-in, with the password alone, sets up a new one."
        )

"""``manage.py write_messages``: renew the catalogs of texts in locale/."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser


class Command(BaseCommand):
    """Writes the catalogs anew from code and templates, and compiles them."""

    help = (
        "Find every text of the back-office, write it to locale/*/LC_MESSAGES/django.po for"
        " translators, and compile what is translated. Says which texts have no translation yet."
        " Needs the packages of ./script/setup --dev."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        """Add ``--check``."""
        parser.add_argument("--check", action="store_true", help="write nothing, only compare")

    def handle(self, *args: Any, check: bool, **options: Any) -> None:
        """Write or compare the catalogs."""
        # Babel is not installed where the hub only runs.
        from hubcustomers.backoffice import catalog

        for language, _name in settings.LANGUAGES:
            if language == settings.LANGUAGE_CODE:
                continue
            renewed = catalog.renew(language)
            po, path = catalog.po_bytes(renewed), catalog.po_file(language)
            mo = catalog.mo_bytes(renewed)
            missing = catalog.untranslated(renewed)
            if check:
                written = path.read_bytes(), path.with_suffix(".mo").read_bytes()
                if written != (po, mo):
                    raise CommandError(f"{path} is out of date: run manage.py write_messages.")
                if missing:
                    raise CommandError(f"{language} has no text for: {missing[0]!r}")
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(po)
            path.with_suffix(".mo").write_bytes(mo)
            count = len([message for message in renewed if message.id])
            self.stdout.write(f"{language}: {count} texts, {len(missing)} without translation.")

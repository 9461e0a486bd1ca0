"""The catalog of texts: found in code, templates, models and serializers; kept in locale/.

Needs Babel, which only those have who work on the hub; who runs it reads the compiled files.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.conf import settings
from django.utils.translation.template import templatize
from rest_framework.serializers import Serializer

from hubcustomers.api.fields import StrictField
from hubcustomers.backoffice.wording import words_of_models

# The same texts make the same file, whenever it is written.
_NO_DATE = datetime(2026, 1, 1, tzinfo=UTC)
ROOT = Path(settings.BASE_DIR)
LOCALE = ROOT / "locale"
_SKIPPED = {"tests", "migrations", "node_modules", "benchmarks", "examples", "docs", "reference"}
# gettext and its kin, and the sentences of refusals, which are translated where they are shown.
_KEYWORDS: dict[str, Any] = {
    "_": None,
    "gettext": None,
    "gettext_lazy": None,
    "gettext_noop": None,
    "ngettext": (1, 2),
    "ngettext_lazy": (1, 2),
    "pgettext": ((1, "c"), 2),
    "pgettext_lazy": ((1, "c"), 2),
    "InvalidField": (2,),
    "AccessRefused": (1,),
}


def find_texts() -> Catalog:
    """Return every text that the back-office may show, without translations."""
    catalog = Catalog(project="hubcustomers", charset="utf-8")
    for text, place in _found():
        if text and not _is_blank(text):
            catalog.add(text, locations=[(place, 0)] if place else [])
    return catalog


def _is_blank(text: Any) -> bool:
    return isinstance(text, str) and not text.strip()


def _found() -> Iterator[tuple[Any, str]]:
    for path in _sources(".py"):
        yield from _in_python(path.read_text(), str(path.relative_to(ROOT)))
    for path in _sources(".html"):
        # Django's own reading of templates, as lines that look like Python.
        code = templatize(path.read_text(), origin=str(path))
        lines = "\n".join(line.strip() for line in code.split("\n"))
        yield from _in_python(lines, str(path.relative_to(ROOT)))
    for text in words_of_models():
        yield text, "models"
    for text in words_of_fields():
        yield text, "serializers"
    yield from ((text, "theme") for text in THEME)
    yield from ((text, "django") for text in DJANGO)


def _sources(ending: str) -> Iterable[Path]:
    found = (path for path in ROOT.rglob(f"*{ending}") if not _skipped(path))
    return sorted(found)


def _skipped(path: Path) -> bool:
    parts = path.relative_to(ROOT).parts
    return any(part.startswith(".") or part in _SKIPPED for part in parts)


def _in_python(code: str, place: str) -> Iterator[tuple[Any, str]]:
    for _line, message, _comments, _context in extract(
        "python", BytesIO(code.encode()), keywords=_KEYWORDS, options={"encoding": "utf-8"}
    ):
        yield message, place


def words_of_fields() -> Iterator[str]:
    """Return the sentences with which the fields of the API refuse a value."""
    waiting: list[type[Any]] = [StrictField, Serializer]
    while waiting:
        field = waiting.pop()
        waiting.extend(field.__subclasses__())
        if field.__module__.partition(".")[0] != "rest_framework":
            yield from vars(field).get("default_error_messages", {}).values()


# What the theme says and has no French for.
THEME = (
    "After you've created a user, you’ll be able to edit more user options.",
    "All applications",
    "Apply Filters",
    "Choose file to upload",
    "Dark",
    "Date",
    "Date from",
    "Date to",
    "Expand row",
    "False",
    "Forgotten your password or username?",
    "General",
    "Go back",
    "Light",
    "Loading more results...",
    "More actions",
    "Next",
    "No data",
    "No recent searches",
    "No results found",
    "No results matching your query",
    "Previous",
    "Raw passwords are not stored, so there is no way to see this user’s password, but you can"
    ' change the password using <a href="{}" class="text-primary-600'
    ' dark:text-primary-500">this form</a>.',
    "Recent searches",
    "Reset filters",
    "Return to site",
    "Run",
    "Search apps and models...",
    "Select action",
    "Select action to run",
    "Select all rows",
    "Select record",
    "Select value",
    "System",
    "This item will be deleted.",
    "This page yielded into no results. Create a new item or reset your filters.",
    "Toggle password visibility",
    "True",
    "Type to search",
    "Value",
    "Welcome back to",
    "You have been successfully logged out from the administration",
)


# What Django says in a French that not every name fits into: "Ajout de établissement".
DJANGO = ("Add %s", "Change %s", "View %s")


def read_catalog(language: str) -> Catalog:
    """Return the translations of a language."""
    path = po_file(language)
    if not path.exists():
        return Catalog(locale=language, project="hubcustomers", charset="utf-8")
    with path.open("rb") as file:
        return read_po(file, locale=language)


def po_file(language: str) -> Path:
    """Return the file that translators edit."""
    return LOCALE / language / "LC_MESSAGES" / "django.po"


def renew(language: str) -> Catalog:
    """Return the translations of a language, with the texts that there are now."""
    catalog = read_catalog(language)
    catalog.update(find_texts(), no_fuzzy_matching=True, update_header_comment=False)
    catalog.obsolete.clear()
    catalog.creation_date = catalog.revision_date = _NO_DATE
    catalog.header_comment = f"# The texts of hubcustomers in {catalog.locale.english_name}."
    catalog.version, catalog.fuzzy = "1", False
    catalog.msgid_bugs_address = catalog.last_translator = catalog.language_team = ""
    return catalog


def po_bytes(catalog: Catalog) -> bytes:
    """Return the file for translators; nothing in it but texts, so that its changes are too."""
    written = BytesIO()
    write_po(written, catalog, width=100, sort_output=True, omit_header=False, include_lineno=False)
    return written.getvalue()


def mo_bytes(catalog: Catalog) -> bytes:
    """Return the file that Django reads."""
    written = BytesIO()
    write_mo(written, catalog)
    return written.getvalue()


def untranslated(catalog: Catalog) -> list[str]:
    """Return the texts that have no translation."""
    return [
        str(message.id) for message in catalog if message.id and not all(_strings(message.string))
    ]


def _strings(translation: Any) -> tuple[str, ...]:
    # One, or one for each plural form.
    if isinstance(translation, str) or translation is None:
        return (translation or "",)
    return tuple(translation)

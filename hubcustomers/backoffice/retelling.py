"""Sentences that were written in English, read in the language of the page.

What workers keep and what the API's rules say is English: programs compare it, and nobody
knows yet who will read it. A sentence with values in it is known by its template.
"""

import re
from string import Formatter

from django.utils.translation import gettext

_templates: dict[str, re.Pattern[str]] = {}


def register_sentences(*templates: str) -> None:
    """Have sentences of these templates understood; values are named as for ``str.format``."""
    for template in templates:
        _templates[template] = _pattern(template)


def retold(sentence: str) -> str:
    """Return the sentence in the language of the page, as far as the catalog has it."""
    told = gettext(sentence)
    if told != sentence:
        return told
    for template, pattern in _templates.items():
        found = pattern.fullmatch(sentence)
        if found:
            return gettext(template).format(**found.groupdict())
    return sentence


def _pattern(template: str) -> re.Pattern[str]:
    parts: list[str] = []
    known: set[str] = set()
    for text, name, _form, _conversion in Formatter().parse(template):
        parts.append(re.escape(text))
        if name:
            parts.append(f"(?P={name})" if name in known else f"(?P<{name}>.+)")
            known.add(name)
    return re.compile("".join(parts), re.DOTALL)

"""The French catalog: whole, up to date, with the placeholders of the English texts."""

import os
import re
import subprocess
import sys
from typing import Any

from hubcustomers.backoffice.catalog import ROOT, read_catalog

PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd]|\{\w*\}|</?[a-z]+[^<>]*>")
MESSAGES = [message for message in read_catalog("fr") if message.id]


def test_the_catalog_is_whole_and_up_to_date() -> None:
    # In a process of its own: the fields that other tests define are no texts of the hub.
    run = subprocess.run(
        [sys.executable, "manage.py", "write_messages", "--check"],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "hubcustomers.settings"},
        capture_output=True,
        text=True,
        timeout=120,
    )

    assert run.returncode == 0, run.stderr


def test_translations_keep_the_placeholders() -> None:
    assert [message.id for message in MESSAGES if not keeps_placeholders(message)] == []


def keeps_placeholders(message: Any) -> bool:
    # One of something may leave its number out; for many, all must be there.
    ids, texts = forms(message.id), forms(message.string)
    named = sorted(PLACEHOLDER.findall(ids[-1]))
    return (
        len(texts) == len(ids)
        and sorted(PLACEHOLDER.findall(texts[-1])) == named
        and all(text and set(PLACEHOLDER.findall(text)) <= set(named) for text in texts)
    )


def forms(text: Any) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def test_french_has_no_breaking_space_before_its_signs() -> None:
    texts = [text for message in MESSAGES for text in forms(message.string)]

    assert [text for text in texts if re.search(r" [:;?!»]|« |'", text)] == []

"""What a command says when the machine, and not its words, is at fault."""

import os
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings

AWAY = "postgresql://nobody:x@127.0.0.1:1/none"


def started(words: list[Any], **environment: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "manage.py", *words],
        cwd=settings.BASE_DIR,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "hubcustomers.settings", **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


@pytest.mark.parametrize(
    "words", [["run_jobs", "--once"], ["rotate_token"], ["create_connection", "--account", "x"]]
)
def test_a_database_that_is_away_is_told_in_a_sentence(words: list[str]) -> None:
    more = {"rotate_token": ["asdf2"], "create_connection": ["--client", "y"]}.get(words[0], [])
    process = started([*words, *more], DATABASE_URL=AWAY)
    _out, said = process.communicate(timeout=60)

    assert process.returncode in {1, 2}
    assert b"Traceback" not in said
    assert said.strip()


def test_nobody_who_listens_is_no_failure() -> None:
    process = started(["diffsettings", "--all"])
    assert process.stdout is not None
    process.stdout.close()
    _out, said = process.communicate(timeout=60)

    assert process.returncode == 141
    assert said == b""


def test_words_that_are_no_text_are_told() -> None:
    process = started(["import_customers", b"a\xffb.csv", "--list", "asdf2"])
    _out, said = process.communicate(timeout=60)

    assert process.returncode == 2
    assert said.decode() == "This is not UTF-8: 'a\\udcffb.csv'\n"

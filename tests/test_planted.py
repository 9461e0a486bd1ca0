"""The search through the suite's own logs, which must be able to fail (tests/planted.py)."""

import logging
import subprocess
import sys
from pathlib import Path

import pytest

from accounts.factories import ConnectionFactory
from accounts.tokens import issue_token
from conftest import HubClient
from customers.models import CustomerList
from tests.planted import Watch, watch

CHECKOUT = Path(__file__).resolve().parents[1]
# A test of the checkout brings its conftest along.
OPTIONS = ["-c", "pytest.ini", "-n", "1", f"{__file__}::test_a_person_in_a_line_is_found"]
LOOSE_TONGUE = """
import logging

def test_that_tells_a_name() -> None:
    logging.getLogger("till").info("%s has called", "Jimmy")

def test_that_tells_nothing() -> None:
    logging.getLogger("till").info("somebody has called")
"""


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("till", logging.INFO, "", 0, text, None, None)


@pytest.mark.parametrize(
    ("noted", "logged"),
    [
        ({"email": "c.moore@dummy-mail.org"}, "found c.moore@dummy-mail.org"),
        ({"customer": {"phone": "+44123456789"}}, "GET /v1/customers?phone=+44123456789"),
        ({"items": [{"address_1": "1 Town Road"}]}, "to 1 Town Road"),
        ({}, "Watson was here"),
    ],
)
def test_a_person_in_a_line_is_found(noted: object, logged: str) -> None:
    mine = Watch()
    mine.note(noted)
    mine.emit(record("nothing to see"))

    mine.emit(record(logged))

    assert len(mine.leaks()) == 1
    assert logged in mine.leaks()[0]


def test_what_the_suite_works_with_is_noted(api: HubClient, customer_list: CustomerList) -> None:
    url = f"/customer_lists/{customer_list.public_id}/customers"
    token = issue_token(ConnectionFactory())

    api.post(url, email="noted@dummy-mail.org")
    api.get(url, phone="+4400000001")

    assert {"noted@dummy-mail.org", "+4400000001"} <= watch.people
    assert token in watch.secrets
    assert any("/v1/customer_lists/:customer_list_id/customers" in line for line in watch.lines)


def test_a_session_that_has_named_somebody_fails(tmp_path: Path) -> None:
    (tmp_path / "test_loose_tongue.py").write_text(LOOSE_TONGUE)

    ended = subprocess.run(
        [sys.executable, "-m", "pytest", *OPTIONS, str(tmp_path)],
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1
    assert "6 passed, 1 error" in ended.stdout
    assert "Jimmy has called" in ended.stdout

"""Names that mean harm, in every text of every row, on every page of the back-office."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from playwright.sync_api import Dialog, Error, Page

from hubcustomers.tests.planting import pages_of, plant
from tests.browser.conftest import DESKTOP, PHONE, OpenAs

MARKS = {
    "script": "<script>document.title='pwned'</script>\"'><img src=x onerror=alert(1)>{{7*7}}",
    "wide": "W" * 50 + "\u202eevil\u202d\u2067" + "\U0001f469\u200d\U0001f373" * 25,
}
MODELS = list(admin.site._registry)
NAMES = [model._meta.label for model in MODELS]


@pytest.fixture
def boss(db: None) -> User:
    return User.objects.create_superuser("boss", password="secret")


def arrive(page: Page, path: str) -> bool:
    """Open the page; return False where it is a file to be kept."""
    try:
        answer = page.goto(path)
    except Error as error:
        if "Download is starting" in str(error) or "ERR_ABORTED" in str(error):
            return False
        raise
    assert answer is not None
    assert answer.status < 500, path
    # The theme's scripts have begun; let them draw.
    page.evaluate("new Promise(requestAnimationFrame)")
    return True


@pytest.mark.parametrize("mark", MARKS.values(), ids=MARKS.keys())
@pytest.mark.parametrize("model", MODELS, ids=NAMES)
def test_a_hostile_mark_runs_nothing_and_breaks_no_page(
    model: Any, mark: str, open_as: OpenAs, boss: User
) -> None:
    planted = plant(mark, word="hostile")
    page = open_as(boss)
    heard: list[str] = []

    def note(dialog: Dialog) -> None:
        heard.append(dialog.message)
        dialog.dismiss()

    page.on("dialog", note)
    page.on("request", lambda sent: heard.append(sent.url) if sent.url.endswith("/x") else None)
    broken = []

    for path in ["/admin/", *pages_of(model, planted.rows[model])]:
        if not arrive(page, path):
            continue
        assert page.title() != "pwned", path
        for size in (PHONE, DESKTOP):
            page.set_viewport_size(size)
            width = page.evaluate("document.documentElement.scrollWidth")
            if width > size["width"]:
                broken.append(f"{path}: {width} of {size['width']} pixels")
    assert heard == broken == []

"""The examples in README.md and docs/, run as they stand.

Calls by curl go to the hub and must print what the page shows, other ids aside; commands of
manage.py must exist with their options, and ``create_connection`` is run. The pages are stories:
what one example makes, a later one may use.
"""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command, get_commands, load_command_class
from django.test import Client as DjangoClient

from accounts.grants import issue_code
from accounts.models import Connection
from customers.factories import CustomerListFactory

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
_PAIR = re.compile(r'"(\w+)":\s*("(?:[^"\\]|\\.)*"|[^\s,{}\[\]]+)')
# Their values differ from run to run; the real one takes the place of the one on the page.
_OWN = re.compile(r"(.*_)?(id|token|secret)|created_at|.*_at")


class Story:
    """One page: its examples in order, and what stands for the values that the page shows."""

    def __init__(self, page: Path) -> None:
        self.page = page
        self.real: dict[str, str] = {}
        self.shell: dict[str, str] = {"hub": "/v1"}
        self.http = DjangoClient()

    def examples(self) -> Iterator[tuple[str, str]]:
        """Return each command with what the page says it prints."""
        for block in _BLOCK.findall(self.page.read_text()):
            for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
                lines = part.rstrip("\n").split("\n")
                count = next(n for n, line in enumerate(lines, 1) if not line.endswith("\\"))
                command = " ".join(line.rstrip("\\") for line in lines[:count])
                yield command, "\n".join(lines[count:]).strip()

    def read(self, text: str) -> str:
        """Return the text with real values for those of the page."""
        for shown, real in sorted(self.real.items(), key=lambda pair: -len(pair[0])):
            text = text.replace(shown, real)
        return re.sub(r"\$(\w+)", lambda name: self.shell.get(name[1], name[0]), text)

    def learn(self, printed: str, real: str) -> None:
        """Hold what was printed to what the page shows; remember the real values.

        ``…`` on the page stands for anything.
        """
        shown, found = _PAIR.findall(printed), _PAIR.findall(real)
        if "…" in printed:
            waiting = iter(found)
            found = [next((one for one in waiting if one[0] == name), ()) for name, _ in shown]
        assert [name for name, _ in shown] == [one[0] if one else "?" for one in found], (
            printed,
            real,
        )
        for (name, value), (_, actual) in zip(shown, found, strict=True):
            if _OWN.fullmatch(name) and value != "null":
                self.real[value.strip('"').removesuffix("…")] = actual.strip('"')
            else:
                assert self.read(value) == actual, (name, printed, real)

    # --- the commands -------------------------------------------------------------------

    def curl(self, words: list[str], printed: str) -> None:
        """Make the call that curl would make."""
        call = _Curl(words)
        answer = self.http.generic(
            call.method,
            re.sub(r"^https?://[^/]+", "", call.url),
            call.data.encode(),
            content_type=call.content_type,
            headers=call.headers,
        )
        assert answer.status_code < 400 or '"error_type"' in printed, answer.content
        if printed:
            self.learn(printed, answer.content.decode())

    def manage(self, words: list[str], printed: str) -> None:
        """Check the command's words; run it where it makes a connection."""
        command = load_command_class(get_commands()[words[0]], words[0])
        command.create_parser("manage.py", words[0]).parse_args(words[1:])
        if words[0] == "create_connection" and printed:
            self.make_connection(words, printed)

    def make_connection(self, words: list[str], printed: str) -> None:
        """Make the connection that a page makes; its secrets take the place of those shown."""
        lines: list[str] = []
        call_command(*words, stdout=_Lines(lines))
        shown, real = printed.split("\n"), "".join(lines).strip().split("\n")
        assert len(shown) == len(real), real
        for line, actual in zip(shown, real, strict=True):
            name, colon, value = line.partition(":")
            assert actual.startswith(name + colon), actual
            if colon and value.strip() not in {"", "-"}:
                self.real[value.strip()] = actual.partition(":")[2].strip()


class _Lines:
    def __init__(self, lines: list[str]) -> None:
        self.write = lines.append

    def isatty(self) -> bool:
        return False


class _Curl:
    """What a command line of curl asks for."""

    def __init__(self, words: list[str]) -> None:
        self.url, self.data, self.method = "", "", "GET"
        self.headers: dict[str, str] = {}
        waiting = iter(words)
        for word in waiting:
            match word:
                case "-s":
                    pass
                case "-H":
                    name, _, value = next(waiting).partition(": ")
                    self.headers[name] = value
                case "-X":
                    self.method = next(waiting)
                case "-d":
                    self.data, self.method = next(waiting), "POST"
                case _:
                    self.url = word.replace("+", "%20")
        form = "application/x-www-form-urlencoded"
        self.content_type = self.headers.pop("Content-Type", form if self.data else "")


@pytest.fixture
def story(db, request: pytest.FixtureRequest) -> Story:
    """The page, with what it takes for granted."""
    story = Story(request.param)
    _prepare(story)
    return story


def _prepare(story: Story) -> None:
    """Make the connection that the README makes, which other pages go on with."""
    if story.page.name == "README.md":
        return
    readme = Story(ROOT / "README.md")
    for command, printed in readme.examples():
        if "create_connection" in command:
            readme.manage(shlex.split(command)[2:], printed)
            story.real, story.shell["token"] = readme.real, readme.read(_token(printed))
    if story.page.name == "oauth.md":
        _let_in(story)


def _let_in(story: Story) -> None:
    """Allow the application of docs/oauth.md what the page says it asks for."""
    page = story.page.read_text()
    connection = Connection.objects.get()
    account, client = connection.account, connection.client
    chosen = CustomerListFactory(account=account, location=None, name="Web customers")
    code = issue_code(
        account,
        client,
        User.objects.create(username="marie"),
        scope=re.search(r"&scope=(.*)", page)[1],
        redirect_uri=re.search(r"&redirect_uri=(.*)", page)[1],
        location=connection.location,
        customer_list_id=chosen.pk,
    )
    shown = re.search(r'"client_id": "(.*?)", "client_secret": "(.*?)", "code": "(.*?)"', page)
    story.real |= dict(
        zip(shown.groups(), (client.client_id, client.client_secret, code), strict=True)
    )


def _token(printed: str) -> str:
    return str(re.search(r"access_token: +(\w+)", printed)[1])


def _has_examples(page: Path) -> bool:
    return bool(_BLOCK.search(page.read_text()))


@pytest.mark.parametrize(
    "story", list(filter(_has_examples, PAGES)), ids=lambda page: page.name, indirect=True
)
def test_the_examples_of_a_page_are_true(story: Story) -> None:
    run = 0
    for command, printed in story.examples():
        words = shlex.split(story.read(command), comments=True)
        if words[0] == "curl":
            story.curl(words[1:], printed)
        elif words[:2] == [".venv/bin/python", "manage.py"]:
            story.manage(words[2:], printed)
        elif all("=" in word for word in words):
            story.shell |= dict(word.split("=", 1) for word in words)
        else:
            continue
        run += 1
    assert run or story.page.name == "performance.md"


def test_every_page_is_reached_from_the_first_one() -> None:
    index = (ROOT / "docs" / "README.md").read_text()

    assert [page.name for page in PAGES[1:] if f"]({page.name})" not in index] == ["README.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_json_of_a_page_can_be_read(page: Path) -> None:
    for text in re.findall(r"^```json\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL):
        json.loads(text)

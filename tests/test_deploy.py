"""Units, image and compose file: what they name exists, and they run as nobody special."""

import json
import re
import shlex
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.core.management import get_commands

CHECKOUT = Path(__file__).resolve().parents[1]
UNITS = sorted((CHECKOUT / "deploy" / "systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
INSTALLED = "/opt/hubcustomers/"


class Unit(ConfigParser):
    """A systemd unit: names keep their case, and some come several times."""

    def __init__(self, path: Path) -> None:
        super().__init__(strict=False, interpolation=None, delimiters=("=",))
        text = re.sub(r"\\\n\s*", "", path.read_text())
        self.commands = re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE)
        self.read_string(text)

    def optionxform(self, optionstr: str) -> str:
        return optionstr


def check_command(words: list[str]) -> None:
    """Check that the program and what it runs exist in the checkout."""
    if words[0] in {"python", f"{INSTALLED}.venv/bin/python"}:
        if words[1] == "-c":
            compile(words[2], "-c", "exec")
            return
        assert (CHECKOUT / words[1]).is_file()
        assert words[2] in get_commands()
    elif words[0].endswith("granian"):
        assert words[-1] == "hubcustomers.wsgi:application"
        assert words[words.index("--interface") + 1] == "wsgi"
    else:
        script = CHECKOUT / words[0].removeprefix(INSTALLED)
        assert script.stat().st_mode & 0o111


@pytest.mark.parametrize("path", SERVICES, ids=lambda path: path.stem)
def test_a_service_runs_what_exists_as_an_ordinary_user(path: Path) -> None:
    unit = Unit(path)
    service = unit["Service"]

    for command in unit.commands:
        check_command(shlex.split(command))
    assert service["User"] == "hubcustomers"
    assert service["NoNewPrivileges"] == service["ProtectHome"] == "yes"
    assert service["ProtectSystem"] == "strict"
    assert service["CapabilityBoundingSet"] == ""
    if service.get("Type") != "oneshot":
        # Longer than what it takes to finish, or the end of it would be cut off.
        assert int(service["TimeoutStopSec"]) >= 10
        assert service["Restart"] == "always"
        assert unit["Install"]["WantedBy"] == "multi-user.target"


def test_each_timer_has_its_service() -> None:
    timers = [unit for unit in UNITS if unit.suffix == ".timer"]

    for timer in timers:
        assert timer.with_suffix(".service") in SERVICES
        assert re.fullmatch(r"\*-\*-\* \d\d:\d\d:00", Unit(timer)["Timer"]["OnCalendar"])


def steps() -> list[tuple[str, str]]:
    text = re.sub(r"\\\n\s*", "", (CHECKOUT / "Dockerfile").read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, _, rest in (line.partition(" ") for line in lines)]


def test_the_image_is_a_plain_one_run_by_an_ordinary_user() -> None:
    found = steps()
    words = [word for word, _ in found]

    assert found[0] == ("FROM", "python:3.11-slim")
    assert words.count("FROM") == 1
    assert ("USER", "hubcustomers") in found
    # Nothing is done or run as root behind it.
    assert "RUN" not in words[words.index("USER") :]
    assert not re.search(r"https?://(?!127\.0\.0\.1)", (CHECKOUT / "Dockerfile").read_text())


def test_the_image_copies_and_runs_what_exists() -> None:
    for word, rest in steps():
        if word == "COPY":
            assert (CHECKOUT / rest.split()[0]).exists()
        if word == "CMD":
            check_command(json.loads(rest))
        if word == "HEALTHCHECK":
            command = json.loads(rest[rest.index("CMD") + 3 :])
            check_command(command)
            assert "/healthz" in command[2]


def composed() -> dict[str, Any]:
    return yaml.safe_load((CHECKOUT / "compose.yaml").read_text())


def test_the_compose_file_runs_web_server_and_workers() -> None:
    services = composed()["services"]

    assert set(services) == {"database", "migrate", "web", "events", "jobs"}
    for name in ("migrate", "web", "events", "jobs"):
        service = services[name]
        if "command" in service:
            check_command(service["command"])
        assert service["cap_drop"] == ["ALL"]
        assert service["read_only"] is True
        for other in service["depends_on"]:
            assert other in services
    # Only a proxy on the same machine reaches it.
    assert services["web"]["ports"] == ["127.0.0.1:8000:8000"]


def test_no_secret_is_written_into_the_compose_file() -> None:
    for service in composed()["services"].values():
        for name, value in service["environment"].items():
            if re.search("PASSWORD|KEY|TOKEN|URL", name):
                assert "${" in value


def test_the_units_and_the_image_start_the_same_web_server() -> None:
    unit = next(path for path in SERVICES if path.stem == "hubcustomers-web")
    ours = set(shlex.split(Unit(unit).commands[0]))
    theirs = next(json.loads(rest) for word, rest in steps() if word == "CMD")

    assert {"--backpressure", "--workers-kill-timeout", "--no-ws"} <= ours & set(theirs)

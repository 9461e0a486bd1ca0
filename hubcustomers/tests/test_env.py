"""Settings that come from the environment (style: Settings)."""

from pathlib import Path

import pytest

from hubcustomers.env import SettingError, env_bool, env_int, env_list, env_secret, env_str


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch):
    """Set the variable HUB_TRIED, or leave it unset for None."""

    def give(value: str | None) -> None:
        if value is None:
            monkeypatch.delenv("HUB_TRIED", raising=False)
        else:
            monkeypatch.setenv("HUB_TRIED", value)

    monkeypatch.delenv("HUB_TRIED_FILE", raising=False)
    return give


def said(error: pytest.ExceptionInfo[SettingError]) -> str:
    """Return the sentence that stops the program; it names the variable."""
    sentence = str(error.value)
    assert "HUB_TRIED" in sentence
    assert "\n" not in sentence
    return sentence


@pytest.mark.parametrize(
    ("value", "read"), [(None, "x"), ("", "x"), ("  ", "x"), ("a b", "a b"), (" a ", "a")]
)
def test_a_text_that_is_unset_or_empty_is_the_default(given, value: str | None, read: str) -> None:
    given(value)

    assert env_str("HUB_TRIED", "x") == read


@pytest.mark.parametrize("value", ["1", "true", "TRUE", "yes", "On", " 1 "])
def test_words_for_yes(given, value: str) -> None:
    given(value)

    assert env_bool("HUB_TRIED") is True


@pytest.mark.parametrize("value", ["0", "false", "No", "OFF"])
def test_words_for_no(given, value: str) -> None:
    given(value)

    assert env_bool("HUB_TRIED", True) is False


@pytest.mark.parametrize("value", [None, "", " "])
@pytest.mark.parametrize("default", [True, False])
def test_no_word_is_the_default(given, value: str | None, default: bool) -> None:
    given(value)

    assert env_bool("HUB_TRIED", default) is default


@pytest.mark.parametrize("value", ["maybe", "2", "-1", "y", "truee"])
def test_another_word_stops_the_program(given, value: str) -> None:
    given(value)

    with pytest.raises(SettingError) as error:
        env_bool("HUB_TRIED")

    assert said(error) == f"HUB_TRIED must be 1 or 0, not '{value}'."


@pytest.mark.parametrize(("value", "read"), [(None, 7), ("", 7), ("0", 0), (" 42 ", 42)])
def test_a_whole_number(given, value: str | None, read: int) -> None:
    given(value)

    assert env_int("HUB_TRIED", 7) == read


@pytest.mark.parametrize("value", ["x", "1.5", "-1", "+1", "1e3", "1_000", "١٢", "²", "0x10"])
def test_what_is_no_whole_number_stops_the_program(given, value: str) -> None:
    given(value)

    with pytest.raises(SettingError) as error:
        env_int("HUB_TRIED", 7)

    assert said(error) == f"HUB_TRIED must be a whole number, not '{value}'."


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (None, ["a", "b"]),
        ("", ["a", "b"]),
        ("x", ["x"]),
        (" x , y ,, ", ["x", "y"]),
    ],
)
def test_a_list_is_parted_by_commas(given, value: str | None, read: list[str]) -> None:
    given(value)

    assert env_list("HUB_TRIED", "a, b") == read


def test_a_secret_is_in_the_variable(given) -> None:
    given("s3cret")

    assert env_secret("HUB_TRIED") == "s3cret"


@pytest.mark.parametrize("written", ["s3cret", "s3cret\n", "  s3cret\r\n"])
def test_or_in_the_file_that_it_points_to(
    given, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, written: str
) -> None:
    given("from the variable")
    (tmp_path / "secret").write_text(written)
    monkeypatch.setenv("HUB_TRIED_FILE", str(tmp_path / "secret"))

    assert env_secret("HUB_TRIED") == "s3cret"


def test_without_either_there_is_none(given) -> None:
    given(None)

    assert env_secret("HUB_TRIED") == ""


@pytest.mark.parametrize("place", ["missing", "."])
def test_a_file_that_cannot_be_read_stops_the_program(
    given, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    given(None)
    monkeypatch.setenv("HUB_TRIED_FILE", str(tmp_path / place))

    with pytest.raises(SettingError) as error:
        env_secret("HUB_TRIED")

    assert said(error).startswith("HUB_TRIED_FILE cannot be read: ")


def test_a_wrong_setting_ends_the_process() -> None:
    assert issubclass(SettingError, SystemExit)


def test_a_secret_file_that_is_no_text_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "key"))

    with pytest.raises(SettingError, match="SECRET_KEY_FILE cannot be read"):
        env_secret("SECRET_KEY")

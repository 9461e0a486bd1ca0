"""Files that cannot be imported: one clear sentence each, nothing written, little memory."""

import subprocess
import sys
from pathlib import Path

import pytest

from customers.models import Customer
from transfer.models import Job
from transfer.tests.commands import import_file, write_csv

FILES = {
    "latin-1": (
        b"email,city\na@x,Orl\xe9ans\n",
        "The file is not UTF-8 (line 2 has the byte 0xe9)",
    ),
    "utf-16": ("email\na@x\n".encode("utf-16"), "The file is UTF-16. Save it as UTF-8"),
    "utf-32": ("email\na@x\n".encode("utf-32"), "The file is UTF-32. Save it as UTF-8"),
    "nul": (b"email\na@x\nb\0@x\n", "Line 3 contains a NUL byte"),
    "empty": (b"", "The file is empty"),
    "blank": (b"\n\nemail\n", "The file is empty, or its first line is."),
    "only a header": (b"email,phone\n", "The file has no rows."),
    "open quote": (
        b'email,city\na@x,Paris\nb@x,"Lyon\nc@x,Nice\n',
        "The quote that opens in the row of line 3 is never closed.",
    ),
    "text after a quote": (b'email,city\n"a"@x,Paris\n', "Line 2 is not CSV: "),
    "old line ends": (b"email,city\ra@x,Paris\r", "Line 1 has a carriage return in it"),
    "twice the same": (b"email,city,email\na,b,c\n", "The column 'email' appears twice"),
    "no name": (b"email,,city\na,b,c\n", "A column in the middle of the first line has no name."),
    "many columns": (
        ",".join(f"c{number}" for number in range(10_000)).encode() + b"\n1\n",
        "The file has 10000 columns; at most 500 are read.",
    ),
    "unknown columns": (b"\x01\x02,<script>\n1,2\n", "Nothing would be imported."),
    "a JSON array": (b'[{"email": "a@x"}]\n', "The file is one JSON array."),
    "many keys": (
        b"".join(b'{"k%d": 1}\n' % number for number in range(501)),
        "The file has more than 500 different keys.",
    ),
}


@pytest.mark.django_db
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_cannot_be_read_is_told(name, customer_list, tmp_path) -> None:
    content, sentence = FILES[name]
    path = tmp_path / "customers.csv"
    path.write_bytes(content)

    ended = import_file(path, customer_list)

    assert ended.status == 2
    assert sentence in ended.err
    assert not Customer.objects.exists()
    assert not Job.objects.exists()


def test_a_json_array_is_told_where_the_name_says_json(customer_list, tmp_path) -> None:
    path = tmp_path / "customers.json"
    path.write_text('[{"email": "a@x"}]')

    ended = import_file(path, customer_list)

    assert (ended.status, "one JSON array" in ended.err) == (2, True)


def test_a_byte_order_mark_and_each_delimiter_are_read(customer_list, tmp_path) -> None:
    for number, delimiter in enumerate(",;\t"):
        path = tmp_path / f"{number}.csv"
        lines = [delimiter.join(cells) for cells in (("E-mail", '"Ville, CP"'), ("a@x", "P"))]
        path.write_bytes(b"\xef\xbb\xbf" + "\r\n".join(lines).encode())

        assert import_file(path, customer_list, "--map", "Ville, CP=city").status == 0

    assert list(Customer.objects.values_list("email", "city")) == [("a@x", "P")] * 3


def test_values_of_several_lines_are_read(customer_list, tmp_path) -> None:
    path = write_csv(tmp_path / "x.csv", "email,delivery_notes", '"a@x","Ring\ntwice ""now"""')

    assert import_file(path, customer_list).status == 0

    assert Customer.objects.get().delivery_notes == 'Ring\ntwice "now"'


_READ = """
import resource, sys
from pathlib import Path
import django
django.setup()
from transfer.reading import UnreadableFile, examine
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with Path(sys.argv[1]).open("rb") as file:
    try:
        examine(file, "x.csv")
    except UnreadableFile as error:
        print(error)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize(
    ("start", "sentence"),
    [
        (b"email,city\n", "Line 2 is longer than 1 MB."),
        (b'email,city\n"', "The row that begins in line 2 is longer than 1 MB"),
        (b"", "Line 1 is longer than 1 MB."),
        (b'{"email": "', "Line 1 is longer than 1 MB."),
    ],
)
def test_a_line_of_a_gigabyte_takes_no_memory(start, sentence, tmp_path: Path) -> None:
    path = tmp_path / "long.csv"
    filler = b"x" * 999 + (b"\n" if start.endswith(b'\n"') else b"x")
    with path.open("wb") as file:
        file.write(start + filler * 3000)
        # The rest takes no room on the disk; it would be NULs, if anybody read so far.
        file.truncate(1024**3)

    ended = subprocess.run(
        [sys.executable, "-c", _READ, str(path)],
        capture_output=True,
        text=True,
        check=True,
        env={
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "DJANGO_SETTINGS_MODULE": "tests.settings",
        },
    )

    said, grown = ended.stdout.splitlines()
    assert sentence in said
    assert int(grown) < 64 * 1024

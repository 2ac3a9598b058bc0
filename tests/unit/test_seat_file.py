"""Seat plans from CSV files."""

from pathlib import Path

import click
import pytest

from ops.commands.seat_file import read_seats


def _file(folder: Path, content: bytes) -> Path:
    path = folder / "hall.csv"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "content",
    [
        b"A-1\nA-2\n",
        b"seat_id\nA-1\nA-2\n",
        b"\xef\xbb\xbfseat_id\r\nA-1\r\nA-2\r\n",
        b"block,seat_id,price\nleft,A-1,10\nleft,A-2,12\n",
        b'\n"A-1"\n\n  A-2 \n\n',
        b"A-1,front\nA-2,front",
    ],
)
def test_seats_are_read_in_order_with_or_without_header(tmp_path: Path, content: bytes) -> None:
    assert read_seats(_file(tmp_path, content)) == ["A-1", "A-2"]


def test_every_bad_line_is_named_by_its_number(tmp_path: Path) -> None:
    path = _file(tmp_path, b"seat_id\nA-1\nA 2\nA-3\nA-1\n")
    with pytest.raises(click.UsageError) as caught:
        read_seats(path)
    assert "line 3" in caught.value.message
    assert "line 5: seat A-1 is on line 2 already" in caught.value.message


def test_a_file_of_errors_is_told_shortly(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="and 90 more"):
        read_seats(_file(tmp_path, b"!\n" * 100))


def test_a_file_without_seats_is_refused(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="no seat"):
        read_seats(_file(tmp_path, b"seat_id\n"))


def test_a_row_without_the_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="line 2"):
        read_seats(_file(tmp_path, b"block,seat_id\nleft\n"))


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(click.UsageError, match="line 1"):
        read_seats(_file(tmp_path, b"\xff\xfe\x00A\n"))

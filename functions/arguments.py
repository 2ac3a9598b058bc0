"""Reads what a caller sent with an operator's action: types, ranges and spelling, nothing about any sale.

A schema maps an argument's name to a reader, which turns a JSON value into the value the code works with or raises
ValueError with the end of the sentence "NAME: …". Every argument is read before anything is refused, so that one
answer names every bad one.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.errors import FieldError, InvalidRequest

Reader = Callable[[object], Any]
Schema = Mapping[str, Reader]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read(arguments: object, schema: Schema, required: Iterable[str] = ()) -> dict[str, Any]:
    """Return the arguments that are there, read. Raises InvalidRequest naming every bad, missing or unknown one."""
    if not isinstance(arguments, Mapping):
        raise InvalidRequest([FieldError("arguments", "must be an object")])
    values: dict[str, Any] = {}
    errors = [FieldError(name, "is required") for name in required if arguments.get(name) is None]
    for name, value in arguments.items():
        if name not in schema:
            errors.append(FieldError(str(name), "is not an argument of this action"))
        elif value is not None:
            try:
                values[name] = schema[name](value)
            except ValueError as error:
                errors.append(FieldError(name, str(error)))
    if errors:
        raise InvalidRequest(errors)
    return values


def text(most: int) -> Reader:
    """Read a text of at most so many characters, without control characters."""

    def read_text(value: object) -> str:
        if not isinstance(value, str):
            raise ValueError(f"must be text, not {value!r}")
        if len(value) > most:
            raise ValueError(f"must have at most {most} characters, not {len(value)}")
        if any(ord(each) < 32 or ord(each) == 127 for each in value):
            raise ValueError("must not contain control characters")
        return value

    return read_text


def spelled(pattern: str, meaning: str) -> Reader:
    """Read a text that matches the whole pattern; a JSON integer is taken as its decimal text."""
    matches = re.compile(pattern, re.ASCII).fullmatch

    def read_spelled(value: object) -> str:
        if isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if not isinstance(value, str) or not matches(value):
            raise ValueError(f"must be {meaning}, not {value!r}")
        return value

    return read_spelled


def whole(least: int, most: int) -> Reader:
    """Read a whole number within bounds."""

    def read_whole(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise ValueError(f"must be a whole number from {least:,} to {most:,}, not {value!r}")
        return value

    return read_whole


def number(least: float, most: float) -> Reader:
    """Read a number within bounds."""

    def read_number(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise ValueError(f"must be a number from {least:g} to {most:,g}, not {value!r}")
        return float(value)

    return read_number


def seconds(least: float, most: float) -> Reader:
    """Read a span given in seconds; return it in ms."""
    read_span = number(least, most)
    return lambda value: round(read_span(value) * 1000)


def moment(value: object) -> int:
    """Read an ISO-8601 time with its zone; return ms since the epoch. "" and "none" mean not set: 0."""
    if value in ("", "none"):
        return 0
    try:
        when = datetime.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"must be a time such as 2026-12-01T20:00:00+09:00, not {value!r}") from None
    if when.tzinfo is None:
        raise ValueError(f"must say its time zone, as in {when.isoformat()}Z or {when.isoformat()}+09:00")
    at_ms = (when - _EPOCH) // timedelta(milliseconds=1)
    if at_ms <= 0:
        raise ValueError(f"must be after 1970, not {value!r}")
    return at_ms


def flag(value: object) -> bool:
    """Read true or false."""
    if not isinstance(value, bool):
        raise ValueError(f"must be true or false, not {value!r}")
    return value


def one_of(*words: str) -> Reader:
    """Read one of some words."""

    def read_word(value: object) -> str:
        if value not in words:
            raise ValueError(f"must be {' or '.join(words)}, not {value!r}")
        return str(value)

    return read_word


def list_of(reader: Reader, most: int) -> Reader:
    """Read a list without repeats; an error names the position, counted from 1."""

    def read_list(value: object) -> tuple[Any, ...]:
        if not isinstance(value, list | tuple) or not value:
            raise ValueError("must be a list with at least one entry")
        if len(value) > most:
            raise ValueError(f"must have at most {most:,} entries, not {len(value):,}")
        seen: dict[Any, int] = {}
        for position, each in enumerate(value, start=1):
            try:
                entry = reader(each)
            except ValueError as error:
                raise ValueError(f"entry {position} {error}") from None
            if entry in seen:
                raise ValueError(f"entry {position} repeats entry {seen[entry]}: {entry}")
            seen[entry] = position
        return tuple(seen)

    return read_list


sale_id = spelled(r"[a-z0-9-]{1,64}", "1 to 64 characters of a-z, 0-9 and -")
user_id = spelled(r"[!-~]{1,255}", "1 to 255 printable ASCII characters without a space")
seat_id = spelled(r"[A-Za-z0-9._-]{1,32}", "1 to 32 characters of A-Z, a-z, 0-9, . _ and -")

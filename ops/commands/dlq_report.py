"""Dead letters as a person reads them: text where it is text, else a hex dump; nothing that steers a terminal."""

from base64 import b64decode
from typing import Any

from ops.console import table

_SHOWN_TEXT, _SHOWN_BYTES, _PER_LINE = 2_000, 256, 16


def letter_line(letter: dict[str, Any]) -> tuple[object, ...]:
    """Return a letter as a row of `onsale dlq list`."""
    about = (letter["saleId"], _version(letter), letter["type"], letter["userId"])
    return (letter["letterId"], letter["state"], letter["reason"], *about, letter["valueLength"], letter["deadAt"])


def letter_report(letter: dict[str, Any]) -> str:
    """Return a letter with its record."""
    done = f"{letter['by']} at {letter['at']}" + (f": {letter['why']}" if letter["why"] else "")
    rows: list[tuple[str, object]] = [
        ("state", letter["state"] if letter["state"] == "OPEN" else f"{letter['state']} by {done}"),
        ("reason", letter["reason"]),
        ("error", printable(letter["error"])),
        ("given up by", f"{letter['function'] or 'unknown'} after {letter['attempts']} attempts"),
        ("dead at", letter["deadAt"]),
        ("replay of", letter["replayOf"] and printable(letter["replayOf"])),
        ("sale", letter["saleId"]),
        ("event", " ".join(filter(None, (_version(letter), letter["type"])))),
        ("buyer", letter["userId"]),
        ("lies at", letter["place"]),
        ("key", _inline(letter["keyBase64"])),
    ]
    rows += [("header", f"{printable(each['name'])} = {_inline(each['valueBase64'])}") for each in letter["headers"]]
    lines = [letter["letterId"], "", table([(f"  {name}", value) for name, value in rows]), ""]
    return "\n".join([*lines, *_value(letter)])


def results_report(results: list[dict[str, Any]]) -> str:
    """Return what became of each letter."""
    return table([(each["letterId"], each["outcome"], printable(each["detail"])) for each in results], empty="")


def printable(text: str) -> str:
    """Return text with whatever a terminal would obey spelled out."""
    return "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)


def _version(letter: dict[str, Any]) -> str:
    return f"{letter['epoch']}-{letter['version']}" if letter["epoch"] and letter["version"] else ""


def _inline(base64: str | None) -> str:
    if base64 is None:
        return "null"
    value = b64decode(base64)
    try:
        text = value[:200].decode() if value else '""'
    except UnicodeDecodeError:
        text = f"0x{value[:64].hex()}"
    return printable(text) + (f" … ({len(value):,} bytes)" if len(value) > 200 else "")


def _value(letter: dict[str, Any]) -> list[str]:
    length = letter["valueLength"]
    cut = ", of which MySQL has only the beginning" if letter["isCut"] else ""
    if letter["valueBase64"] is None:
        return ["value: null"]
    value = b64decode(letter["valueBase64"])
    text = _text(value, is_whole=len(value) == length)
    shown = hex_dump(value[:_SHOWN_BYTES]) if text is None else [printable(line) for line in text.splitlines()]
    least = min(len(value), _SHOWN_BYTES) if text is None else len(text.encode())
    more = [] if least >= length else [f"… {length - least:,} more bytes; --raw FILE writes them all"]
    return [f"value: {length:,} bytes{cut}", *shown, *more]


def _text(value: bytes, *, is_whole: bool) -> str | None:
    """Return the beginning of a value as text, None where it is none. The end may cut a character in two."""
    for missing in range(1 if is_whole else 4):
        try:
            return value[: len(value) - missing].decode()[:_SHOWN_TEXT]
        except UnicodeDecodeError:
            continue
    return None


def hex_dump(value: bytes) -> list[str]:
    """Return lines as `hexdump -C` prints them."""
    lines = []
    for start in range(0, len(value), _PER_LINE):
        part = value[start : start + _PER_LINE]
        seen = "".join(chr(each) if 32 <= each < 127 else "." for each in part)
        lines.append(f"{start:08x}  {part.hex(' '):<47}  |{seen}|")
    return lines

"""How values are spelled in JSON answers: text, times, spans. Knows no route and no sale."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from functools import lru_cache
from json.encoder import encode_basestring_ascii

# One encoder for the process: json.dumps with separators builds a new one on each call.
encode: Callable[[object], str] = json.JSONEncoder(separators=(",", ":")).encode

quoted: Callable[[str], str] = encode_basestring_ascii
"""Spell a text as a JSON string, ASCII only."""


@lru_cache(maxsize=1024)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.")


def iso_time(at_ms: int) -> str:
    """Spell ms since the epoch as ISO 8601 in UTC with milliseconds: `2026-11-20T10:00:00.125Z`."""
    return f"{_second(at_ms // 1000)}{at_ms % 1000:03d}Z"


def in_seconds(span_ms: int) -> int | float:
    """Return a span of ms in seconds, whole where it is whole."""
    return span_ms / 1000 if span_ms % 1000 else span_ms // 1000

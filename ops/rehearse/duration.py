"""Durations as people write them: 10s, 1.5m, 2h; a bare number is seconds."""

import re

_UNITS_S = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}
_DURATION = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*(ms|s|m|h|)")


def duration_s(text: str) -> float:
    """Return a duration in seconds. Raises ValueError for a text that is none."""
    found = _DURATION.fullmatch(text.strip())
    if not found:
        raise ValueError(f"must be a duration such as 10s, 500ms, 10m or 1h, not {text!r}")
    return float(found[1]) * _UNITS_S[found[2]]

"""One answer of the API, as every client here reads it. Knows no HTTP library."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer of the API; `body` is empty for 204 and for what is not a JSON object."""

    status: int
    body: Mapping[str, Any]

    @classmethod
    def read(cls, status: int, raw: bytes) -> "Answer":
        """Read an answer's body."""
        try:
            body = json.loads(raw) if raw else {}
        except ValueError:
            body = {}
        return cls(status, body if isinstance(body, dict) else {})

    @property
    def code(self) -> str:
        """The problem's code; empty for a success."""
        return str(self.body.get("code", f"status-{self.status}")) if self.status >= 400 else ""

    @property
    def ok(self) -> bool:
        """Whether the API said yes."""
        return self.status < 400

    @property
    def is_to_be_repeated(self) -> bool:
        """Whether the same request is to be sent again: every route may be repeated."""
        return self.status >= 500 or self.status == 429


def retry_after_s(header: str) -> float:
    """Return the seconds of a Retry-After header; 0 without one, and for a date."""
    return float(header) if header.isascii() and header.isdigit() else 0.0

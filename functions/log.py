"""One JSON object per log line, through the standard library's logging. Never a contact or a whole event."""

import json
import logging


def logger(function: str) -> logging.Logger:
    """Return the logger of a function, at INFO: Lambda's root logger drops what is below WARNING."""
    named = logging.getLogger(f"onsale.{function}")
    if named.level == logging.NOTSET:
        named.setLevel(logging.INFO)
    return named


def line(message: str, **fields: object) -> str:
    """Return the text of one log line."""
    return json.dumps({"message": message, **fields}, separators=(",", ":"), default=str)

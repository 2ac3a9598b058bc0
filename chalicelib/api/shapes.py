"""What the texts of the contract look like, each with the words that tell a person."""

import re
from collections.abc import Callable
from typing import NamedTuple

from chalicelib.identity import USER_ID_PATTERN


class Shape(NamedTuple):
    """What a text must look like; `detail` says it to a person."""

    match: Callable[[str], object]
    detail: str
    pattern: str


def _shape(pattern: str, detail: str) -> Shape:
    return Shape(re.compile(pattern).fullmatch, detail, pattern)


def _email(pattern: str) -> Shape:
    """Return the shape of an address that mail services take: dot-atoms and lengths of RFC 5321, no quoted strings.

    Nothing in it could name a second address.
    """
    fits = re.compile(pattern).fullmatch
    return Shape(
        lambda text: len(text) <= 254 and text.find("@") <= 64 and fits(text), "must be an e-mail address", pattern
    )


SALE_ID = _shape(r"[a-z0-9-]{1,64}", "must be 1 to 64 of a-z, 0-9 and -")
USER_ID = _shape(USER_ID_PATTERN, "must be 1 to 255 printable ASCII characters without space")
SEAT_ID = _shape(r"[A-Za-z0-9._-]{1,32}", "must be 1 to 32 of A-Z, a-z, 0-9, '.', '_' and -")
RESERVATION_ID = _shape(r"[0-9-]{1,64}", "must be a reservationId of an earlier answer")
PAYMENT_ID = _shape(r"[!-~]{1,128}", "must be 1 to 128 printable ASCII characters without space")
VERSION = _shape(r"[0-9]{1,12}-[0-9]{1,12}", "must be the version of an earlier answer")
CURSOR = _shape(r"[0-9]{1,12}", "must be the next of an earlier answer")
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
EMAIL = _email(rf"{_ATOM}(?:\.{_ATOM})*@(?:{_LABEL}\.)+[A-Za-z](?:[A-Za-z0-9-]{{0,61}}[A-Za-z0-9])")
PHONE = _shape(r"\+[1-9][0-9]{6,14}", "must be + and 7 to 15 digits (E.164)")
LANGUAGE = _shape(r"[a-z]{2}(?:-[A-Z]{2})?", "must be a language such as ko or en")

PAYMENT_STATUS = _shape(r"succeeded|failed", "must be succeeded or failed")

SHAPES = (
    SALE_ID,
    USER_ID,
    SEAT_ID,
    RESERVATION_ID,
    PAYMENT_ID,
    PAYMENT_STATUS,
    VERSION,
    CURSOR,
    EMAIL,
    PHONE,
    LANGUAGE,
)

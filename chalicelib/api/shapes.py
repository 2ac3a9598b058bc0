"""What the texts of the contract look like, each with the words that tell a person."""

import re
from collections.abc import Callable
from typing import NamedTuple


class Shape(NamedTuple):
    """What a text must look like; `detail` says it to a person."""

    match: Callable[[str], object]
    detail: str


def _shape(pattern: str, detail: str) -> Shape:
    return Shape(re.compile(pattern).fullmatch, detail)


SALE_ID = _shape(r"[a-z0-9-]{1,64}", "must be 1 to 64 of a-z, 0-9 and -")
USER_ID = _shape(r"[!-~]{1,255}", "must be 1 to 255 printable ASCII characters without space")
SEAT_ID = _shape(r"[A-Za-z0-9._-]{1,32}", "must be 1 to 32 of A-Z, a-z, 0-9, '.', '_' and -")
RESERVATION_ID = _shape(r"[0-9-]{1,64}", "must be a reservationId of an earlier answer")
PAYMENT_ID = _shape(r"[!-~]{1,128}", "must be 1 to 128 printable ASCII characters without space")
VERSION = _shape(r"[0-9]{1,12}-[0-9]{1,12}", "must be the version of an earlier answer")
CURSOR = _shape(r"[0-9]{1,12}", "must be the next of an earlier answer")
EMAIL = _shape(r"[!-?A-~]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z0-9-]{2,63}", "must be an e-mail address")
PHONE = _shape(r"\+[1-9][0-9]{6,14}", "must be + and 7 to 15 digits (E.164)")
LANGUAGE = _shape(r"[a-z]{2}(?:-[A-Z]{2})?", "must be a language such as ko or en")

SHAPES = (SALE_ID, USER_ID, SEAT_ID, RESERVATION_ID, PAYMENT_ID, VERSION, CURSOR, EMAIL, PHONE, LANGUAGE)

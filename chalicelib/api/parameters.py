"""The parameters of a request, from its path, query and JSON body: found, compared, validated, and all faults named.

Knows how a request says something; what a value means to a sale is not decided here.
"""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from chalice.app import Request

from chalicelib.api.shapes import SALE_ID, SEAT_ID, USER_ID, Shape
from chalicelib.config import settings
from chalicelib.errors import FieldError, InvalidRequest, OnsaleError
from chalicelib.identity import caller
from chalicelib.sale.model import MAX_LIMIT_PER_BUYER

_JSON_TYPES = {bool: "a boolean", int: "a number", float: "a number", list: "a list", dict: "an object"}
_GIVEN_TWICE = "is given twice with different values"
_TWICE = object()  # stands for a member that a JSON object names twice with different values


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        for name, value in pairs:
            if members[name] is not _TWICE and members[name] != value:
                members[name] = _TWICE
    return members


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


_decode = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_no_constant).decode


def _json_object(raw: bytes | str) -> dict[str, Any]:
    """Parse a body; an empty one is an empty object. Raises OnsaleError invalid-json, or InvalidRequest."""
    try:
        text = raw if isinstance(raw, str) else raw.decode()
        if not text or text.isspace():
            return {}
        body = _decode(text)
    except RecursionError as error:
        raise OnsaleError("invalid-json", "The body is nested too deeply.") from error
    except ValueError as error:  # not UTF-8, not JSON, or an integer too long to be one
        raise OnsaleError("invalid-json", f"The body cannot be read as JSON: {error}.") from error
    if not isinstance(body, dict):
        raise InvalidRequest([FieldError("body", "must be a JSON object")])
    return body


class Parameters:
    """One request's parameters. Ask for each, then `check()`, which names everything that was wrong at once."""

    __slots__ = ("_authorized", "_body", "_context", "_errors", "_headers", "_query", "sale_id")

    def __init__(self, request: Request, sale_id: str | None) -> None:
        event = request.to_original_event()
        self._query: dict[str, list[str]] = event["multiValueQueryStringParameters"] or {}
        self._body: dict[str, Any] = _json_object(request.raw_body) if request.method != "GET" else {}
        self._headers: Mapping[str, str] = request.headers
        self._context: Mapping[str, Any] = request.context
        self._authorized: Mapping[str, object] | None = self._context.get("authorizer")
        self._errors: dict[str, str] = {}
        self.sale_id: str = self._valid_sale_id(sale_id)

    def _valid_sale_id(self, sale_id: str | None) -> str:
        if sale_id is None:
            return settings().default_sale
        decoded = unquote(sale_id)  # API Gateway has done it; Chalice's local server has not
        if not SALE_ID.match(decoded):
            self._wrong("saleId", SALE_ID.detail)
        return decoded

    def check(self) -> None:
        """Raise InvalidRequest if anything asked for so far was wrong."""
        if self._errors:
            raise InvalidRequest([FieldError(name, detail) for name, detail in self._errors.items()])

    def header(self, name: str) -> str:
        """Return a header, "" if absent; the name in lower case."""
        return self._headers.get(name, "")

    @property
    def address(self) -> str:
        """Where the request came from, as far as the trusted proxies can tell; "" where nobody says.

        Each proxy adds whom it spoke to at the right of X-Forwarded-For; what stands further left anybody can write.
        """
        source: str = (self._context.get("identity") or {}).get("sourceIp") or ""
        proxies = settings().trusted_proxies
        if not proxies:
            return source
        hops = [each.strip() for each in self.header("x-forwarded-for").split(",") if each.strip()]
        return hops[-proxies][:64] if len(hops) >= proxies else source

    def user_id(self) -> str:
        """Return who calls."""
        claimed = self.text("userId", USER_ID, integers=True)
        user_id = caller(claimed or None, self._authorized)
        if user_id is None:
            self._wrong("userId", "is required")
            return ""
        return user_id

    def text(
        self, name: str, shape: Shape, *, required: bool = False, integers: bool = False, body_only: bool = False
    ) -> str:
        """Return a text of the given shape, "" if absent or wrong; `integers` takes 5 for "5".

        `body_only` refuses it in the query, which gateways, proxies and browsers write into logs and histories.
        """
        if body_only and name in self._query:
            self._wrong(name, "belongs in the body: a query is written into logs")
            return ""
        found = self._find(name, integers=integers)
        if found is None:
            if required:
                self._wrong(name, "is required")
            return ""
        if not shape.match(found):
            self._wrong(name, shape.detail)
            return ""
        return found

    def one_of(self, *names: str) -> None:
        """Demand that at least one of some parameters is there."""
        if not any(name in self._errors or self._find(name, integers=True) for name in names):
            self._wrong(names[0], f"is required, or {' or '.join(names[1:])}")

    def whole(self, name: str, minimum: int, maximum: int) -> int | None:
        """Return a whole number between two bounds, None if absent or wrong."""
        found = self._find(name, integers=True)
        if found is None:
            return None
        number = int(found) if found.isascii() and found.isdigit() and len(found) < 10 else minimum - 1
        if not minimum <= number <= maximum:
            self._wrong(name, f"must be a whole number from {minimum} to {maximum}")
            return None
        return number

    def units(self) -> tuple[int, tuple[str, ...]]:
        """Return how many units are asked for, and which seats: () for any."""
        quantity = self.whole("quantity", 1, MAX_LIMIT_PER_BUYER)
        seat_id = self.text("seatId", SEAT_ID, integers=True)
        seat_ids = self._seat_ids()
        if seat_id and seat_ids:
            self._wrong("seatIds", "cannot be given together with seatId")
        seats = (seat_id,) if seat_id else seat_ids
        if quantity and seats and quantity != len(seats):
            self._wrong("quantity", "must be the number of seats, or absent")
        return quantity or len(seats) or 1, seats

    def _seat_ids(self) -> tuple[str, ...]:
        listed = self._body.get("seatIds")
        if isinstance(listed, list):  # from here on as a query would say it
            spelled = [str(each) if type(each) is int else each for each in listed]
            usable = spelled and all(isinstance(each, str) and "," not in each for each in spelled)
            self._body["seatIds"] = ",".join(spelled) if usable else ","
        found = self._find("seatIds", integers=True)
        if found is None:
            return ()
        seat_ids = tuple(found.split(","))
        if not all(map(SEAT_ID.match, seat_ids)):
            self._wrong("seatIds", f"must be a list of seat ids; each {SEAT_ID.detail}")
        elif len(set(seat_ids)) != len(seat_ids):
            self._wrong("seatIds", "must name each seat once")
        elif len(seat_ids) > MAX_LIMIT_PER_BUYER:
            self._wrong("seatIds", f"must name {MAX_LIMIT_PER_BUYER} seats at most")
        return seat_ids

    def _find(self, name: str, *, integers: bool) -> str | None:
        """Return what query and body agree on; None if absent, null, or recorded as wrong."""
        given = self._query.get(name)
        value = self._body.get(name) if self._body else None
        if value is None:
            if given is None:
                return None
            if len(given) == 1:
                return given[0]
            spelled = given[0]
        elif type(value) is str:
            spelled = value
        elif integers and type(value) is int:
            spelled = str(value)
        elif value is _TWICE:
            self._wrong(name, _GIVEN_TWICE)
            return None
        else:
            allowed = "a string or an integer" if integers else "a string"
            self._wrong(name, f"must be {allowed}, not {_JSON_TYPES[type(value)]}")
            return None
        if given is not None and any(each != spelled for each in given):
            self._wrong(name, _GIVEN_TWICE)
            return None
        return spelled

    def _wrong(self, name: str, detail: str) -> None:
        self._errors.setdefault(name, detail)

"""The errors in the document: a schema, an example and a response for each code of the API's table of errors."""

from collections.abc import Iterable, Mapping
from typing import Any

from chalicelib.api.responses import PROBLEM_TYPE, PROBLEMS
from chalicelib.api.shapes import SEAT_ID
from ops.openapi.advice import ERRORS
from ops.openapi.headers import problem_headers
from ops.openapi.schemas import Schema, moment, record, reference, shaped

_PROBLEM = record(
    "type title status detail code requestId",
    {
        "type": {"type": "string", "format": "uri", "description": f"`{PROBLEM_TYPE}` and the code."},
        "title": {"type": "string", "description": "The same for every problem of this code."},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "detail": {"type": "string", "description": "What is wrong this time, for people."},
        "code": {"enum": list(PROBLEMS), "description": "What programs decide by."},
        "requestId": {"type": "string", "description": "Also in `X-Request-Id`; the log has it."},
    },
    description="RFC 9457.",
)
_SEAT_IDS = {"type": "array", "items": shaped(SEAT_ID), "minItems": 1, "description": "The seats in question."}
_MEMBERS: Mapping[str, Schema] = {
    "errors": {
        "type": "array",
        "minItems": 1,
        "items": record("field detail", {"field": {"type": "string"}, "detail": {"type": "string"}}),
        "description": "Every bad field and why.",
    },
    "limit": {"type": "integer", "minimum": 0, "description": "The most that is allowed."},
    "remaining": {"type": "integer", "minimum": 0, "description": "How many are left."},
    "opensAt": moment("When to come back, where it is known."),
    "seatIds": _SEAT_IDS,
    "refundDue": {"type": "boolean", "description": "Whether the payment is given back."},
}
_OPTIONAL_MEMBERS = {"opensAt"}


def _problem(code: str) -> Schema:
    members = ERRORS[code].members
    required = ["code", *(name for name in members if name not in _OPTIONAL_MEMBERS)]
    fixed = {
        "type": {"const": PROBLEM_TYPE + code},
        "title": {"const": PROBLEMS[code].title},
        "status": {"const": PROBLEMS[code].status},
        "code": {"const": code},
    }
    return {
        "allOf": [reference("Problem")],
        "required": required,
        "properties": {**fixed, **{name: _MEMBERS[name] for name in members}},
        "description": ERRORS[code].do,
    }


def problem_name(code: str) -> str:
    """Return the name of a code's schema: sold-out, SoldOut."""
    return "Problem" + "".join(word.capitalize() for word in code.split("-"))


def problem_schemas() -> Schema:
    """Return the schema of every problem, and of what all have."""
    return {"Problem": _PROBLEM, **{problem_name(code): _problem(code) for code in PROBLEMS}}


def problem_examples() -> Schema:
    """Return an example of every problem, by code."""
    return {code: {"summary": PROBLEMS[code].title, "value": _example(code)} for code in PROBLEMS}


def _example(code: str) -> dict[str, Any]:
    status, title = PROBLEMS[code]
    detail, _, members = ERRORS[code]
    return {
        "type": PROBLEM_TYPE + code,
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        "requestId": "5b1f0a52-7c1e-4d2b-9a54-0000000002f1",
        **members,
    }


def problem_responses(codes: Iterable[str]) -> dict[int, tuple[str, Schema]]:
    """Return by status the name and the response of the problems that a route may answer."""
    by_status: dict[int, list[str]] = {}
    for code in sorted(set(codes), key=list(PROBLEMS).index):
        by_status.setdefault(PROBLEMS[code].status, []).append(code)
    return {status: (f"{status}-{'-or-'.join(these)}", _response(status, these)) for status, these in by_status.items()}


def _response(status: int, codes: list[str]) -> Schema:
    refs = [reference(problem_name(code)) for code in codes]
    return {
        "description": " ".join(f"`{code}`: {PROBLEMS[code].title}." for code in codes),
        "headers": problem_headers(status),
        "content": {
            "application/problem+json": {
                "schema": refs[0] if len(refs) == 1 else {"oneOf": refs},
                "examples": {code: {"$ref": f"#/components/examples/{code}"} for code in codes},
            }
        },
    }

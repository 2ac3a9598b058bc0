"""What a route takes, as the document says it: parameters of path, query and header, and members of a body."""

from typing import Any

from chalicelib.api.shapes import SALE_ID
from chalicelib.sale.model import MAX_LIMIT_PER_BUYER
from ops.openapi.asked import Asked, Questions
from ops.openapi.schemas import Schema, shaped
from ops.openapi.words import PARAMETERS

_EXAMPLES = {
    "reserve": {
        "seats": {"userId": "ann", "seatIds": ["A-1", "A-2"]},
        "any": {"userId": "ann", "quantity": 2},
    }
}
SIGNATURE: Schema = {
    "name": "X-Onsale-Signature",
    "in": "header",
    "required": True,
    "description": "`t`: Unix time in seconds, at most five minutes from now. `v1`, once or more: the hex HMAC-SHA256 "
    "of `t`, a full stop and the raw body, keyed with the shared secret.",
    "schema": {"type": "string"},
    "example": "t=1796122800,v1=5257a869e7ecebeda32affa62cdca3fa51cad7e77a0e56ff536d0ce8e108d8bd",
}
IF_NONE_MATCH: Schema = {
    "name": "If-None-Match",
    "in": "header",
    "description": "The `ETag` of the copy you have: 304 if nothing has changed.",
    "schema": {"type": "string"},
}


def sale_in_path() -> Schema:
    """Return the parameter of the path."""
    text, example = PARAMETERS["saleId"]
    return {
        "name": "saleId",
        "in": "path",
        "required": True,
        "description": text,
        "schema": shaped(SALE_ID),
        "example": example,
    }


def _meaning(asked: Asked, questions: Questions, *, has_body: bool) -> str:
    """Say what a parameter is for; `has_body` says that it may stand in the body as well as here."""
    text = PARAMETERS[asked.name].text
    if asked.name in questions.one_of:
        text = f"At least one of {' and '.join(f'`{name}`' for name in questions.one_of)} is required. {text}"
    elif asked.required and asked.name != "userId":
        text = f"Required. {text}"
    return text + (" The same in query and body, or in one of them." if has_body else "")


def in_query(asked: Asked, questions: Questions, *, has_body: bool) -> Schema:
    """Return a parameter of the query."""
    found: Schema = {
        "name": asked.name,
        "in": "query",
        "description": _meaning(asked, questions, has_body=has_body),
        "schema": _query_schema(asked),
        "example": PARAMETERS[asked.name].example,
    }
    if asked.is_list:
        found |= {"style": "form", "explode": False}
    return found


def _query_schema(asked: Asked) -> Schema:
    if asked.shape is None:
        return {"type": "integer", "minimum": asked.bounds[0], "maximum": asked.bounds[1]}
    return _list_of(shaped(asked.shape)) if asked.is_list else shaped(asked.shape)


def _list_of(items: Schema) -> Schema:
    return {"type": "array", "items": items, "minItems": 1, "maxItems": MAX_LIMIT_PER_BUYER, "uniqueItems": True}


def body(questions: Questions, content_types: list[str], handler: str) -> Schema:
    """Return the body: a JSON object with the same parameters, each of which may be in the query instead."""
    schema = {
        "type": "object",
        "properties": {
            asked.name: {**_member_schema(asked), "description": _meaning(asked, questions, has_body=False)}
            for asked in questions.parameters
        },
    }
    examples = _EXAMPLES.get(handler, {"all": _example(questions)})
    spelled = {name: {"value": value} for name, value in examples.items()}
    return {
        "description": "Parameters as members of an object. null is absent; members not named here are ignored.",
        "content": {each: {"schema": schema, "examples": spelled} for each in content_types},
    }


def _member_schema(asked: Asked) -> Schema:
    """Return what JSON may say: more than one spelling, as clients differ."""
    if asked.shape is None:
        bounds = {"minimum": asked.bounds[0], "maximum": asked.bounds[1]}
        return {"type": ["integer", "string", "null"], **bounds, "pattern": "^[0-9]{1,9}$"}
    pattern = asked.shape.pattern
    if asked.is_list:
        items = {"type": ["string", "integer"], "pattern": f"^(?:{pattern})$"}
        in_text = f"^(?:{pattern})(?:,(?:{pattern})){{0,{MAX_LIMIT_PER_BUYER - 1}}}$"
        return {**_list_of(items), "type": ["array", "string", "integer", "null"], "pattern": in_text}
    types = ["string", "integer", "null"] if asked.integers else ["string", "null"]
    return {"type": types, "pattern": f"^(?:{pattern})$"}


def _example(questions: Questions) -> dict[str, Any]:
    return {asked.name: PARAMETERS[asked.name].example for asked in questions.parameters}

"""Holds an answer against the OpenAPI document: status, headers, content type, body. More strictly than the document.

A client must not mind a member that it does not know; a test does: what the document does not name is a fault.
"""

import json
from collections.abc import Mapping
from copy import deepcopy
from functools import cache
from typing import Any

from jsonschema_rs import Draft202012Validator

from app import app
from ops.local.route_table import RouteTable
from ops.openapi.document import document
from ops.openapi.markup import resolved

Schema = dict[str, Any]
# Their bodies are files, which other tests look at.
_OPEN = ("Problem", "OpenApi", "Page")
_ANYWHERE = {404: "404-no-such-route", 405: "405-method-not-allowed"}


@cache
def contract() -> Schema:
    """Return the document as the code says it now."""
    return document(app)


@cache
def _templates() -> RouteTable:
    return RouteTable(list(contract()["paths"]))


@cache
def _closed() -> Schema:
    """Return the schemas, each object refusing what it does not name."""
    schemas = deepcopy(contract()["components"]["schemas"])
    for name, schema in schemas.items():
        if name not in _OPEN:
            _close(schema, is_top=True)
    return {"components": {"schemas": schemas}}


def _close(schema: Any, *, is_top: bool = False) -> None:
    if isinstance(schema, list):
        for each in schema:
            _close(each)
    elif isinstance(schema, dict):
        for key, each in schema.items():
            if key not in ("allOf", "if", "then"):
                _close(each)
        if "properties" in schema and (is_top or schema.get("type") == "object"):
            schema["unevaluatedProperties"] = False


@cache
def _validator(schema_json: str) -> Draft202012Validator:
    return Draft202012Validator({**_closed(), **json.loads(schema_json)}, validate_formats=True)


def faults_of(schema: Schema, value: Any) -> list[str]:
    """Return what is wrong with a value by a schema of the document."""
    found = _validator(json.dumps(schema)).iter_errors(value)
    return [f"{'/'.join(map(str, error.instance_path)) or 'body'}: {error.message}" for error in found]


def response_of(method: str, path: str, status: int) -> Schema | None:
    """Return what the document says of an answer; None where it says nothing."""
    found = _templates().find(path)
    methods = contract()["paths"][found[0]] if found else {}
    spec = methods.get(method.lower()) if method.isupper() else None  # methods are case-sensitive
    if spec is not None:
        reference = spec["responses"].get(str(status))
        return resolved(contract(), reference) if reference else None
    if status == (405 if found else 404):
        return dict(contract()["components"]["responses"][_ANYWHERE[status]])
    return None


def faults(method: str, target: str, status: int, headers: Mapping[str, str], text: str) -> list[str]:
    """Return everything by which an answer differs from the document; header names in lower case."""
    response = response_of(method, target.partition("?")[0], status)
    if response is None:
        return [f"status {status} is not in the document: {text[:200]}"]
    wrong = _header_faults(response.get("headers", {}), headers)
    content = response.get("content")
    if method == "HEAD":
        return wrong
    if not content:
        return wrong + ([f"a body that the document does not have: {text[:200]}"] if text else [])
    content_type = headers.get("content-type", "").partition(";")[0]
    if content_type not in content:
        return [*wrong, f"content type {content_type!r} is not in the document"]
    if not content_type.endswith("json"):
        return wrong
    return wrong + faults_of(content[content_type]["schema"], json.loads(text))


def _header_faults(told: Schema, headers: Mapping[str, str]) -> list[str]:
    wrong = []
    for name, reference in told.items():
        header = resolved(contract(), reference)
        value = headers.get(name.lower())
        if value is None:
            wrong += [f"header {name} is missing"] if header.get("required") else []
        elif not Draft202012Validator(header["schema"]).is_valid(value):
            wrong.append(f"header {name} is {value!r}, not {header['schema']}")
    return wrong

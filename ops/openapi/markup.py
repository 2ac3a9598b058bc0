"""Pieces of the page that know nothing of the API: text with code and emphasis, JSON, and operations by handler."""

import json
import re
from dataclasses import dataclass
from html import escape
from typing import Any

from ops.openapi.schemas import Schema

OF_SALE = "OfSale"


@dataclass(frozen=True, slots=True)
class Operation:
    """A route: once for the default sale and, where it is a sale's, once for any."""

    name: str
    method: str
    paths: list[str]
    spec: Schema


def grouped(document: Schema) -> list[Operation]:
    """Return the operations, those of one handler as one, in the document's order."""
    found: dict[str, Operation] = {}
    for path, methods in document["paths"].items():
        for method, spec in methods.items():
            name = spec["operationId"].removesuffix(OF_SALE)
            found.setdefault(name, Operation(name, method, [], spec)).paths.append(path)
    return list(found.values())


def resolved(document: Schema, value: Schema) -> Schema:
    """Return what a value refers to, or the value itself."""
    while "$ref" in value:
        found: Any = document
        for part in value["$ref"].removeprefix("#/").split("/"):
            found = found[part]
        value = found
    return value


def rich(text: str) -> str:
    """Return text as HTML: paragraphs, **strong** and `code`."""
    paragraphs = [re.sub(r"\s+", " ", each).strip() for each in text.split("\n\n")]
    marked = [
        re.sub(
            r"\*\*(.+?)\*\*", r"<strong>\1</strong>", re.sub(r"`(.+?)`", r"<code>\1</code>", escape(each, quote=False))
        )
        for each in paragraphs
    ]
    return marked[0] if len(marked) == 1 else "".join(f"<p>{each}</p>" for each in marked)


def json_block(value: Any) -> str:
    """Return a value as indented JSON."""
    return block(json.dumps(value, indent=2, ensure_ascii=False))


def block(text: str) -> str:
    """Return preformatted text."""
    return f"<pre><code>{escape(text, quote=False)}</code></pre>"

"""One route on the page: what it takes, a request, its answers, its errors."""

import json
from html import escape
from typing import Any
from urllib.parse import quote

from ops.openapi.given import SIGNATURE
from ops.openapi.markup import Operation, block, json_block, resolved, rich
from ops.openapi.schemas import Schema

_URL = "$ONSALE_URL"


def article(document: Schema, operation: Operation) -> str:
    """Return a route as HTML."""
    spec = operation.spec
    paths = "".join(
        f'<li><span class="method {operation.method}">{operation.method.upper()}</span> '
        f'<code class="path">{escape(path)}</code></li>'
        for path in operation.paths
    )
    more = f"<p>{rich(spec['description'])}</p>" if "description" in spec else ""
    return "".join(
        [
            f'<article id="{operation.name}"><h3>{rich(spec["summary"])}</h3>{more}<ul class="paths">{paths}</ul>',
            _parameters(document, spec),
            "<h4>Request</h4>",
            *(block(each) for each in _requests(document, operation)),
            "<h4>Answers</h4>",
            _answers(document, spec),
            _errors(document, spec),
            "</article>",
        ]
    )


def _parameters(document: Schema, spec: Schema) -> str:
    rows = [(each["name"], each["description"], _place(each, spec), each["schema"]) for each in spec["parameters"]]
    named = {name for name, *_ in rows}
    for name, schema in _body(document, spec).items():
        if name not in named:
            rows.append((name, schema["description"], "body", {**schema, "type": "string"}))
    if not rows:
        return ""
    cells = "".join(
        f"<tr><td><code>{name}</code></td><td>{rich(text)}<br>"
        f'<span class="shape">{place}; {escape(_shape(schema))}</span></td></tr>'
        for name, text, place, schema in rows
    )
    return f"<h4>Parameters</h4><table><tbody>{cells}</tbody></table>"


def _body(document: Schema, spec: Schema) -> Schema:
    """Return the members that a body may have."""
    if "requestBody" not in spec:
        return {}
    members: Schema = resolved(document, spec["requestBody"])["content"]["application/json"]["schema"]["properties"]
    return members


def _place(parameter: Schema, spec: Schema) -> str:
    if parameter["in"] == "query" and "requestBody" in spec:
        return "query or body"
    return str(parameter["in"])


def _shape(schema: Schema) -> str:
    if schema["type"] == "array":
        return f"up to {schema['maxItems']} different ones, each {_shape(schema['items'])}"
    if schema["type"] == "integer":
        return f"whole number from {schema['minimum']:,} to {schema['maximum']:,}"
    return str(schema.get("pattern", "any text")).removeprefix("^(?:").removesuffix(")$")


def _requests(document: Schema, operation: Operation) -> list[str]:
    """Return the requests as curl sends them: in a body where there may be one, else in the query."""
    path = operation.paths[-1].replace("{saleId}", "spring")
    verb = "" if operation.method == "get" else f" -X {operation.method.upper()}"
    spec = operation.spec
    if operation.method == "post":
        content = resolved(document, spec["requestBody"])["content"]["application/json"]
        return [
            f"curl{verb} \"{_URL}{path}\" -H 'Content-Type: application/json'{_signature(spec)} \\\n"
            f"     -d '{json.dumps(each['value'], separators=(',', ':'))}'"
            for each in content["examples"].values()
        ]
    query = {each["name"]: each["example"] for each in spec["parameters"] if each["in"] == "query"}
    spelled = "&".join(f"{name}={quote(str(value), safe='')}" for name, value in query.items())
    return [f'curl{verb} "{_URL}{path}{"?" + spelled if spelled else ""}"']


def _signature(spec: Schema) -> str:
    signed = [each for each in spec["parameters"] if each["name"] == SIGNATURE["name"]]
    return "".join(f" \\\n     -H '{each['name']}: {each['example']}'" for each in signed)


def _answers(document: Schema, spec: Schema) -> str:
    rows: list[str] = []
    seen: list[Any] = []
    described = ""
    for status, reference in spec["responses"].items():
        response = resolved(document, reference)
        if int(status) >= 400:
            continue
        content = response.get("content", {}).get("application/json", {})
        name = content["schema"]["$ref"].rpartition("/")[2] if content else ""
        examples = [each["value"] for each in content.get("examples", {}).values()]
        if name and name != "OpenApi":
            schema = document["components"]["schemas"][name]
            examples = examples or schema["examples"][:1]
            described = _members(document, schema) if len(schema["properties"]) > 1 else ""
        shown = "".join(json_block(each) for each in examples if each not in seen)
        seen += examples
        rows.append(f'<tr><td class="status good">{status}</td><td>{rich(response["description"])}{shown}</td></tr>')
    return f"<table><tbody>{''.join(rows)}</tbody></table>{described}"


def _members(document: Schema, schema: Schema) -> str:
    rows = "".join(
        f"<tr><td><code>{name}</code></td><td>{rich(_member(document, told))}</td></tr>"
        for name, told in schema["properties"].items()
    )
    return f"<details><summary>Members of the answer</summary><table><tbody>{rows}</tbody></table></details>"


def _member(document: Schema, schema: Schema) -> str:
    schema = resolved(document, schema)
    if "enum" in schema:
        return ", ".join(f"`{each}`" for each in schema["enum"])
    if "description" in schema:
        return str(schema["description"])
    if "properties" in schema:
        return "; ".join(
            f"`{name}` {_member(document, told)}".rstrip(".") for name, told in schema["properties"].items()
        )
    if "items" in schema:
        return _member(document, schema["items"])
    return _kind(schema)


def _kind(schema: Schema) -> str:
    if "minimum" in schema and "maximum" in schema:
        return f"{schema['minimum']} to {schema['maximum']}"
    return "" if "pattern" in schema else str(schema.get("type", ""))


def _errors(document: Schema, spec: Schema) -> str:
    rows: list[str] = []
    for status, reference in spec["responses"].items():
        if int(status) < 400:
            continue
        examples: dict[str, Any] = resolved(document, reference)["content"]["application/problem+json"]["examples"]
        for code, example in examples.items():
            title = resolved(document, example)["value"]["title"]
            rows.append(
                f'<tr><td><span class="status bad">{status}</span> <a href="#error-{code}"><code>{code}</code></a></td>'
                f"<td>{escape(title)}</td></tr>"
            )
    return f"<details><summary>{len(rows)} errors</summary><table><tbody>{''.join(rows)}</tbody></table></details>"

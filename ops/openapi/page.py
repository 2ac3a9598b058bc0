"""The page for people, made of the document alone: one self-contained file without scripts, for any screen."""

import re
from html import escape
from importlib.resources import files
from typing import Any

from ops.openapi.markup import Operation, grouped, json_block, rich
from ops.openapi.routes_markup import article
from ops.openapi.schemas import Schema


def page(document: Schema) -> str:
    """Return the page as HTML."""
    info = document["info"]
    program = '<a href="openapi.json">openapi.json</a>, OpenAPI 3.1'
    operations = grouped(document)
    style = re.sub(r"\s*\n\s*", "\n", files(__package__).joinpath("page.css").read_text(encoding="utf-8"))
    return "\n".join(
        [
            "<!doctype html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(info['title'])}: HTTP API</title>",
            f"<style>{style}</style>",
            "</head>",
            "<body>",
            '<div class="frame">',
            _menu(document, operations),
            "<main>",
            f"<h1>{escape(info['title'])}: HTTP API</h1>",
            f'<p class="lead">{escape(info["summary"])}</p>',
            f"<p>Version {escape(info['version'])}. For programs: {program}.</p>",
            rich(info["description"]),
            f"<p>{rich(_security(document))}</p>",
            *(_section(document, tag, operations) for tag in document["tags"]),
            _errors(document),
            _headers(document),
            "</main>",
            "</div>",
            "</body>",
            "</html>",
            "",
        ]
    )


def _security(document: Schema) -> str:
    scheme = document["components"]["securitySchemes"]["bearer"]
    return f"**Who calls** is told by a bearer token ({scheme['bearerFormat']}). {scheme['description']}"


def _menu(document: Schema, operations: list[Operation]) -> str:
    parts = []
    for tag in document["tags"]:
        parts.append(f"<p>{escape(tag['name'])}</p><ul>")
        parts += [
            f'<li><a href="#{each.name}">{escape(each.paths[0].removeprefix("/api/v1"))} '
            f'<span class="{each.method}">{each.method.upper()}</span></a></li>'
            for each in operations
            if tag["name"] in each.spec["tags"]
        ]
        parts.append("</ul>")
    parts.append("<p>All routes</p><ul>")
    parts += [f'<li><a href="#{name.lower()}">{name}</a></li>' for name in ("Errors", "Headers")]
    links = "".join([*parts, "</ul>"])
    return (
        f'<nav aria-label="Contents"><div class="side">{links}</div>'
        f'<details class="menu"><summary>Contents</summary>{links}</details></nav>'
    )


def _section(document: Schema, tag: dict[str, Any], operations: list[Operation]) -> str:
    own = [each for each in operations if tag["name"] in each.spec["tags"]]
    return f"<h2>{escape(tag['name'])}</h2><p>{escape(tag['description'])}</p>" + "".join(
        article(document, each) for each in own
    )


def _errors(document: Schema) -> str:
    parts = ['<h2 id="errors">Errors</h2><p>Every code, with an example and what to do about it.</p>']
    for code, example in document["components"]["examples"].items():
        value = example["value"]
        schema = document["components"]["schemas"]["Problem" + "".join(word.capitalize() for word in code.split("-"))]
        parts.append(
            f'<article id="error-{code}"><h3><span class="status bad">{value["status"]}</span> '
            f"<code>{code}</code></h3><p>{escape(value['title'])}. {rich(schema['description'])}</p>"
            f"{json_block(value)}</article>"
        )
    return "".join(parts)


def _headers(document: Schema) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(name)}</code></td><td>{_value(header['schema'])}</td>"
        f"<td>{escape(header['description'])}</td></tr>"
        for name, header in _named(document["components"]["headers"])
    )
    return (
        '<h2 id="headers">Headers</h2><p>What an answer carries; the first eight are on every one.</p>'
        f"<table><thead><tr><th>Header</th><th>Value</th><th>Why</th></tr></thead><tbody>{rows}</tbody></table>"
    )


def _named(headers: Schema) -> list[tuple[str, Schema]]:
    renamed = {"Cache-Never": "Cache-Control", "Cache-Second": "Cache-Control", "Cache-Document": "Cache-Control"}
    renamed["Page-Policy"] = "Content-Security-Policy"
    return [(renamed.get(name, name), header) for name, header in headers.items()]


def _value(schema: Schema) -> str:
    return f"<code>{escape(schema['const'])}</code>" if "const" in schema else ""

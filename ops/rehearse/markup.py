"""Pieces of a page: escaped text, tables. What comes from outside (names, error texts) passes through `text` alone."""

import re
from collections.abc import Iterable, Sequence
from html import escape

_NO_XML = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Markup(str):
    """Text that is markup already."""

    __slots__ = ()


def text(value: object) -> str:
    """Return a value as text for an element or an attribute; what no document may contain becomes a replacement."""
    return escape(_NO_XML.sub("\ufffd", str(value)), quote=True)


def cell(value: object) -> str:
    """Return what a table shows for a value."""
    if isinstance(value, Markup):
        return value
    if value is None or value == "":
        return '<span class="unknown">unknown</span>' if value is None else ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else text(value)


def table(
    head: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numbers: Sequence[int] = (),
    name: str = "",
    kind: str = "",
) -> str:
    """Return a table that scrolls by itself where the page is narrow; `numbers` are the columns set to the right.

    `kind` is a class for page.css.
    """
    of = [' class="number"' if column in numbers else "" for column in range(len(head))]
    top = "".join(f'<th scope="col"{of[column]}>{text(word)}</th>' for column, word in enumerate(head))
    body = "".join(
        "<tr>" + "".join(f"<td{of[column]}>{cell(value)}</td>" for column, value in enumerate(row)) + "</tr>"
        for row in rows
    )
    of_kind = f' class="{kind}"' if kind else ""
    caption = f"<caption>{text(name)}</caption>" if name else ""
    return (
        f'<div class="scroll" tabindex="0"><table{of_kind}>{caption}<thead><tr>{top}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def pairs(rows: Iterable[tuple[str, object]]) -> str:
    """Return names and values."""
    items = "".join(f"<dt>{text(name)}</dt><dd>{cell(value)}</dd>" for name, value in rows)
    return f"<dl>{items}</dl>"

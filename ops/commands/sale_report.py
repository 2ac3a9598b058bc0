"""A sale as a person reads it."""

from typing import Any

import click

from ops.commands.minutes_chart import minutes_chart
from ops.console import table

_COLOURS = {"OPEN": "green", "PAUSED": "yellow", "CLOSED": "red"}
_BAR_WIDTH = 40


def sale_line(sale: dict[str, Any]) -> tuple[object, ...]:
    """Return a sale as a row of `onsale sale list`."""
    stock = (sale["capacity"], sale["remaining"], sale["held"], sale["confirmed"])
    return (sale["saleId"], sale["state"], *stock, sale["waiting"], sale["active"], sale["name"])


def sale_report(sale: dict[str, Any]) -> str:
    """Return a sale's state, stock, line, last minutes and settings."""
    state = click.style(sale["state"], fg=_COLOURS.get(sale["state"]), bold=True)
    kind = "seated" if sale["seated"] else "counted"
    title = f"{sale['saleId']}  {state}  {kind}, epoch {sale['epoch']}, version {sale['version']}"
    stock = f"{sale['confirmed']:,} sold, {sale['held']:,} held, {sale['remaining']:,} free of {sale['capacity']:,}"
    line = f"{sale['waiting']:,} waiting, {sale['active']:,} active, admitted through {sale['admittedThrough']:,}"
    letters = sale.get("openDeadLetters") or 0
    dead = [f"  dead     letters open: {letters:,}; onsale dlq list --sale {sale['saleId']}"] if letters else []
    return "\n".join(
        [
            title,
            f"  {_bar(sale)}",
            f"  stock    {stock}",
            f"  line     {line}",
            f"  outbox   {sale['outbox']:,} events not on Kafka yet",
            *dead,
            *(["", *(f"  {line}" for line in minutes_chart(sale))] if "minutes" in sale else []),
            "",
            _indented(table(_pairs(sale["settings"]))),
        ]
    )


def _pairs(settings: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, _spelled(value)) for name, value in settings.items()]


def _spelled(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "-" if value in (None, "") else str(value)


def _bar(sale: dict[str, Any]) -> str:
    capacity = max(1, sale["capacity"])
    sold: int = _BAR_WIDTH * sale["confirmed"] // capacity
    taken: int = _BAR_WIDTH * (sale["confirmed"] + sale["held"]) // capacity
    return "█" * sold + "▒" * (taken - sold) + "░" * (_BAR_WIDTH - taken)


def _indented(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())

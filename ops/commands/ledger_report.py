"""A ledger as a person reads it: the places side by side, then every difference by name."""

from typing import Any

import click

from ops.console import table

_HEAD = ("", "Redis", "outbox", "Kafka", "dead", "MySQL")
_MARKS = {"different": ("✗", "red"), "in-flight": ("→", "yellow"), "explained": ("!", "yellow")}
_LETTERS = {"open": "open", "replayed": "replayed", "discarded": "discarded", "onTopic": "not in MySQL yet"}
_STATES = {
    "balanced": ("green", "balanced: every place agrees"),
    "differences": ("red", "differences"),
    "in-flight": ("yellow", "still in flight"),
}


def ledger_report(ledger: dict[str, Any], most: int = 20) -> str:
    """Return the table, the verdict, and the first findings, the worst first."""
    rows = [(r["what"], r["redis"], r["outbox"], r["kafka"], r["dlq"], r["mysql"]) for r in ledger["rows"]]
    cells = [tuple("" if value is None else value for value in row) for row in rows]
    lines = [f"ledger of {ledger['saleId']}, epoch {ledger['epoch']}, version {ledger['version']:,}", ""]
    lines += [table(cells, _HEAD, empty=""), "", _verdict(ledger)]
    lines += [_finding(each) for each in ledger["findings"][:most]]
    hidden = sum(ledger["counts"].values()) - len(ledger["findings"][:most])
    if hidden > 0:
        lines.append(f"  … and {hidden:,} more (--json lists them)")
    if letters := [f"{count:,} {_LETTERS[name]}" for name, count in ledger["deadLetters"].items() if count]:
        lines.append(f"  ! dead letters: {', '.join(letters)} (onsale dlq list --sale {ledger['saleId']} --state ANY)")
    if ledger["unnamedDeadLetters"]:
        lines.append(f"  ! {ledger['unnamedDeadLetters']:,} dead letters do not say which sale they are of")
    return "\n".join(lines)


def _verdict(ledger: dict[str, Any]) -> str:
    colour, words = _STATES[ledger["state"]]
    counts = ledger["counts"]
    told = {"different": "differ", "in-flight": "in flight", "explained": "explained by dead letters"}
    parts = [f"{counts[verdict]:,} {word}" for verdict, word in told.items() if counts[verdict]]
    return click.style(words, fg=colour, bold=True) + (f" ({', '.join(parts)})" if parts else "")


def _finding(finding: dict[str, Any]) -> str:
    mark, colour = _MARKS[finding["verdict"]]
    names = {"version": "version", "userId": "buyer", "seatId": "seat"}
    about = ", ".join(f"{word} {finding[name]}" for name, word in names.items() if name in finding)
    where = f"; now: {finding['where']}" if "where" in finding else ""
    return f"  {click.style(mark, fg=colour)} {about + ': ' if about else ''}{finding['detail']}{where}"

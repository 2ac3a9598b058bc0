"""The last minutes of a sale as a person sees them: a line of bars for each kind of event."""

from typing import Any

import click

_BARS = "▁▂▃▄▅▆▇█"
_NONE = "·"
_COLOURS = {"reserved": "yellow", "confirmed": "green", "cancelled": "magenta", "expired": "red"}


def minutes_chart(sale: dict[str, Any]) -> list[str]:
    """Return the lines: tickets a minute, all kinds on one scale; kinds of which there were none are left out."""
    minutes = sale["minutes"]
    if minutes is None:
        return [f"minutes  unknown: {sale['minutesNotice']}"]
    rows = {kind: [minute[f"{kind}Units"] for minute in minutes] for kind in _COLOURS}
    most = max((count for counts in rows.values() for count in counts), default=0)
    if not most:
        return ["minutes  nothing has happened yet"]
    first, last = (minutes[n]["minute"][11:16] for n in (0, -1))
    lines = [f"tickets a minute, {minutes[0]['minute'][:10]} {first} to {last} UTC"]
    for kind, counts in rows.items():
        if any(counts):
            bars = click.style("".join(_bar(count, most) for count in counts), fg=_COLOURS[kind])
            lines.append(f"{kind:9}  {bars}  {sum(counts):,} in all, {max(counts):,} at most")
    return lines


def _bar(count: int, most: int) -> str:
    """Return a bar; the least is for anything above nothing, the full one for the most."""
    return _BARS[-(-count * len(_BARS) // most) - 1] if count else _NONE

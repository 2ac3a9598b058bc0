"""The rows about the sale: a name, what is to be said, and the bars of the last minutes."""

from collections.abc import Mapping
from dataclasses import dataclass

from rich.text import Text

from ops.watch.figures import Figures
from ops.watch.problems import Problem, Severity, worst
from ops.watch.wording import UNKNOWN, count, rate, span

NAME_WIDTH = 9
STYLES: Mapping[Severity | None, str] = {"bad": "bold red", "warn": "yellow", None: ""}
_STATES = {"OPEN": "bold green", "PAUSED": "bold yellow", "CLOSED": "bold red"}
_STATUSES = {"CONFIRMED": "sold", "HELD": "held"}


@dataclass(frozen=True, slots=True)
class Row:
    """One line. `spark` is the series beside it; `says` None is what cannot be seen."""

    name: str
    says: str | None
    spark: str = ""


def rows(figures: Figures) -> list[Row]:
    """Return the rows, in the order a buyer passes them: line, sale, record."""
    return [
        Row("line", _line(figures), "waiting"),
        Row("sales", _sales(figures), "sold_per_s"),
        Row("refused", _refused(figures), "refused_per_s"),
        Row("lapses", _counts(figures.lapses)),
        Row("payments", _payments(figures)),
        Row("outbox", _outbox(figures), "outbox"),
        Row("kafka", _lag(figures), "lag"),
        Row("mysql", _mysql(figures), "behind"),
        Row("dead", None if figures.dead is None else _dead(figures)),
    ]


def drawn(row: Row, found: tuple[Problem, ...], width: int, bars: str, unseen: str = UNKNOWN) -> Text:
    """Return a row as wide as it may be, its bars at the right end; `unseen` stands for what cannot be seen."""
    style = STYLES[worst(found, row.name)]
    text = Text(no_wrap=True).append(f" {row.name:<{NAME_WIDTH}}", style=style or "dim")
    text.append(row.says if row.says is not None else unseen, style=style if row.says is not None else "dim")
    return with_bars(text, bars, width)


def with_bars(text: Text, bars: str, width: int) -> Text:
    """Put bars at the right end of a line, over nothing that is written there already."""
    room = width - text.cell_len - 1
    if bars and room > 0:
        text.append(" " * max(1, room + 1 - len(bars)))
        text.append(bars[-room:], style="cyan")
    text.truncate(width, overflow="ellipsis")
    return text


def title(figures: Figures, clock: str, ends: str, width: int) -> Text:
    """Return the first line: which sale, how it is, and when that was seen."""
    text = Text(no_wrap=True).append(f" {figures.sale_id}  ", style="bold")
    text.append(figures.state or "UNKNOWN", style=_STATES.get(figures.state or "", "bold"))
    for name in figures.away:
        text.append(f"  {name} is away", style=STYLES["bad"])
    right = "  ".join(each for each in (clock, ends) if each)
    text.truncate(max(1, width - len(right) - 2), overflow="ellipsis")
    text.append(" " * (width - text.cell_len - len(right)) + right, style="dim")
    return text


def stock(figures: Figures, width: int) -> list[Text]:
    """Return the bar of the stock and what it says."""
    capacity, sold, held, free = figures.capacity, figures.sold, figures.held, figures.free
    if capacity is None or sold is None or held is None or free is None:
        return [Text(f" {'stock':<{NAME_WIDTH}}{UNKNOWN}", style="dim"), Text()]
    says = f"{count(sold)} sold, {count(held)} held, {count(free)} free of {count(capacity)}"
    inner = width - 2
    taken = min(inner, round(inner * (sold + held) / max(1.0, capacity)))
    green = min(taken, round(inner * sold / max(1.0, capacity)))
    bar = Text(" ", no_wrap=True)
    bar.append("█" * green, style="green").append("▒" * (taken - green), style="yellow")
    bar.append("░" * (inner - taken), style="dim")
    return [bar, Text(no_wrap=True).append(f" {'stock':<{NAME_WIDTH}}", style="dim").append(says)]


def _line(figures: Figures) -> str | None:
    if figures.waiting is None and figures.active is None:
        return None
    says = f"{count(figures.waiting)} waiting, {count(figures.active)} active, {rate(figures.admitted_per_s)} admitted"
    return f"{says}, empty in {span(figures.drain_s)}" if figures.drain_s is not None else says


def _sales(figures: Figures) -> str | None:
    if figures.sold is None:
        return None
    says = f"{rate(figures.sold_per_s)}"
    if figures.sold_per_s and figures.free:
        says += f", sold out in {span(figures.free / figures.sold_per_s)}"
    return f"{says}, sold out" if figures.free == 0 else says


def _refused(figures: Figures) -> str | None:
    codes = sorted(figures.refused_per_s.items(), key=lambda each: -each[1])
    if not codes:
        return None
    parts = [f"{code} {rate(each)}" for code, each in codes if each]
    return f"{rate(sum(figures.refused_per_s.values()))}" + (f": {', '.join(parts)}" if parts else "")


def _payments(figures: Figures) -> str | None:
    if figures.refunds_due is None and not figures.payments:
        return None
    parts = [f"{count(number)} {fate.lower()}" for fate, number in figures.payments.items() if number]
    return ", ".join([*parts, f"{count(figures.refunds_due)} refunds due"])


def _outbox(figures: Figures) -> str | None:
    if figures.outbox is None:
        return None
    age = f", the oldest {span(figures.outbox_age_s)} old" if figures.outbox and figures.outbox_age_s else ""
    return f"{count(figures.outbox)} events not on Kafka yet{age}"


def _mysql(figures: Figures) -> str | None:
    if figures.behind is None and not figures.recorded:
        return None
    parts = [f"{count(figures.recorded.get(status, 0))} {word}" for status, word in _STATUSES.items()]
    parts.append(f"{count(figures.behind)} events behind")
    if figures.written_p99_s is not None:
        parts.append(f"written in {span(figures.written_p50_s)}, p99 {span(figures.written_p99_s)}")
    return ", ".join(parts)


def _dead(figures: Figures) -> str:
    says = f"open letters: {count(figures.dead)}" if figures.dead else "no open letters"
    return f"{says}, {count(figures.dead_of_no_sale)} of no sale" if figures.dead_of_no_sale else says


def _counts(counts: Mapping[str, float]) -> str | None:
    return ", ".join(f"{name} {count(number)}" for name, number in counts.items()) if counts else None


def _lag(figures: Figures) -> str | None:
    late = sorted(((name, lag) for name, lag in figures.lag.items() if lag), key=lambda each: -each[1])
    if not figures.lag or not late:
        return "no consumer is behind" if figures.lag else None
    return f"behind: {', '.join(f'{name} {count(lag)}' for name, lag in late)}"

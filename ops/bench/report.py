"""The table of all figures, each beside its limit and beside what the last recorded run had."""

from collections.abc import Sequence

from ops.bench.figures import Figure
from ops.bench.runs import Run
from ops.console import table

_HEAD = ("figure", "value", "unit", "limit", "of", "ratio", "target", "")
_HEAD_OF_LAST = ("last", "change")


def as_table(figures: Sequence[Figure], last: Run | None = None, *, same_machine: bool = False) -> str:
    """Lay the figures out for a person; `same_machine`: figures without a ratio can be compared with `last` too."""
    rows = []
    for each in figures:
        before = last.figure(each.name) if last else None
        compared = compare(each, before, same_machine=same_machine)
        beside = (
            () if last is None else (_ratio(compared[0], each), "" if compared[1] is None else f"{compared[1]:+.0%}")
        )
        rows.append((*_cells(each), *beside, {True: "met", False: "MISSED", None: ""}[each.met]))
    head = (*_HEAD[:-1], *(() if last is None else _HEAD_OF_LAST), _HEAD[-1])
    return table(rows, head, empty="")


def notes(figures: Sequence[Figure]) -> list[str]:
    """Return a line for each figure that has something to add."""
    return [f"{each.name}: {each.note}" for each in figures if each.note]


def compare(figure: Figure, before: Figure | None, *, same_machine: bool) -> tuple[float | None, float | None]:
    """Return what an earlier run had and by which share this one has more: the ratio, or the value without one.

    Ratios travel from machine to machine, values do not: where there is no ratio nothing is compared but with the
    same kind of machine. Another unit or another limit is another figure.
    """
    if before is None or (before.unit, before.limit_name) != (figure.unit, figure.limit_name):
        return None, None
    now, then = figure.ratio, before.ratio
    if now is None or then is None:
        if not same_machine or figure.limit is not None or before.limit is not None:
            return None, None
        now, then = figure.value, before.value
    return then, (now / then - 1 if then else None)


def documents(run: Run, last: Run | None) -> list[dict[str, object]]:
    """Return the figures of a run as JSON values, each with its `last`: `ratio` or `value`, and `change`."""
    found: list[dict[str, object]] = list(run.document()["figures"])
    for figure, document in zip(run.figures, found, strict=True):
        before = last.figure(figure.name) if last else None
        same_machine = last is not None and last.machine.same_kind_as(run.machine)
        then, change = compare(figure, before, same_machine=same_machine)
        kind = "value" if figure.ratio is None else "ratio"
        document["last"] = None if then is None else {kind: then, "change": change}
    return found


def number(value: float | None) -> str:
    """Spell a figure with as many digits as mean something."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def target(figure: Figure) -> str:
    """Spell what a figure is to reach."""
    if figure.target is None:
        return ""
    return f"{'≤' if figure.at_most else '≥'} {figure.target:g}{f' {figure.unit}' if figure.of_value else ''}"


def _cells(each: Figure) -> tuple[str, ...]:
    ratio = "" if each.ratio is None else f"{each.ratio:.2f}"
    return each.name, number(each.value), each.unit, number(each.limit), each.limit_name, ratio, target(each)


def _ratio(then: float | None, figure: Figure) -> str:
    if then is None:
        return ""
    return number(then) if figure.ratio is None else f"{then:.2f}"

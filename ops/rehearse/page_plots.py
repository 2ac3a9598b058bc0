"""Which plots a rehearsal's page has, from the names of its series. A plot without any figure is left out."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import zip_longest

from ops.rehearse.plots import Band, Limit, Line, Plot
from ops.rehearse.record import Check, ProcessSeries, Rehearsal, Series
from ops.rehearse.scales import difference, known
from ops.rehearse.thresholds import ENDPOINTS

_MOST_CODES = 6


def bands(rehearsal: Rehearsal) -> list[Band]:
    """Return the faults that happened; one that never healed lasts to the end."""
    last_s = duration_s(rehearsal)
    return [
        Band(each.kind, each.from_second, last_s if each.to_second is None else each.to_second)
        for each in rehearsal.faults
        if not each.error
    ]


def duration_s(rehearsal: Rehearsal) -> float:
    """Return where the axis of time ends."""
    return max([1.0, *rehearsal.timeline.seconds])


def plots(rehearsal: Rehearsal) -> list[Plot]:
    """Return the large plots, in the order of a ticket's way."""
    found = [
        *_crowd(rehearsal),
        *_sale(rehearsal),
        *_latencies(rehearsal),
        *_answers(rehearsal),
        *_generator(rehearsal),
    ]
    return [plot for plot in found if any(known(line.values) for line in plot.lines)]


def process_plots(rehearsal: Rehearsal, kind: str) -> list[Plot]:
    """Return one small plot for each process: `cpu` (on one scale, so that they compare), `memory_bytes` or `fds`."""
    title, unit, divisor = {
        "cpu": ("CPU", "cores", 1.0),
        "memory_bytes": ("Memory", "MB", 1e6),
        "fds": ("Descriptors", "open", 1.0),
    }[kind]
    series = {name: _divided(_of_process(each, kind), divisor) for name, each in sorted(rehearsal.processes.items())}
    highest = (
        max((value for values in series.values() for value in known(values)), default=0.0) if kind == "cpu" else None
    )
    return [
        Plot(f"{kind}-{number}", f"{title} of {name}", unit, (Line(name, values),), highest=highest)
        for number, (name, values) in enumerate(series.items())
        if known(values)
    ]


def _of_process(process: ProcessSeries, kind: str) -> Series:
    values: Series = getattr(process, kind)
    return values


def _divided(values: Series, divisor: float) -> Series:
    return tuple(None if value is None else value / divisor for value in values)


def _crowd(rehearsal: Rehearsal) -> Iterator[Plot]:
    series = rehearsal.timeline.series
    admissions = series.get("admissions") or difference(series.get("admitted", ()))
    yield Plot(
        "crowd",
        "Arrivals and admissions",
        "buyers per second",
        _lines(rehearsal, {"arrivals": "arrivals"}) + _line("admissions", admissions),
        "Arrivals are those that the crowd sent; an admission is counted when the buyer learns of it.",
    )
    yield Plot("line", "In the line", "buyers", _lines(rehearsal, {"waiting": "waiting", "active": "active"}))


def _sale(rehearsal: Rehearsal) -> Iterator[Plot]:
    names = {"confirmed": "sold, in Redis", "mysqlRows": "rows in MySQL", "held": "held, not yet paid"}
    stock = rehearsal.plan.get("stock")
    yield Plot(
        "tickets",
        "Tickets",
        "tickets",
        _lines(rehearsal, names),
        "The shaded gap is what Redis has sold and MySQL does not have yet.",
        Limit("stock", stock) if isinstance(stock, int | float) else None,
        filled=True,
    )
    lags = {name: f"Kafka: {word.removeprefix('onsale-')}" for name, word in _prefixed(rehearsal, "kafkaLag.").items()}
    lagging = {name: word for name, word in lags.items() if any(known(rehearsal.timeline.series[name]))}
    names = {"outbox": "outbox", **lagging, "deadLetters": "dead letters, open"}
    note = "Events that are on their way: still in the outbox, or on Kafka and not yet taken by a consumer."
    if others := [word for name, word in lags.items() if name not in lagging]:
        note += f" Always at 0: {', '.join(others)}."
    yield Plot("behind", "Behind the sale", "events", _lines(rehearsal, names), note)


def _latencies(rehearsal: Rehearsal) -> Iterator[Plot]:
    limits = {each.name: each for each in rehearsal.checks}
    asked = [each.name for each in rehearsal.endpoints]
    for name in sorted(asked, key=lambda name: ENDPOINTS.index(name) if name in ENDPOINTS else len(ENDPOINTS)):
        ranks = {f"latency.{name}.p{rank}Ms": f"p{rank}" for rank in (99, 90, 50)}
        limit = _latency_limit(limits.get(f"{name} p99"))
        lines = _lines(rehearsal, ranks)
        yield Plot(f"latency-{name}", f"Latency of {name}", "ms, logarithmic", lines, limit=limit, is_log=True)


def _latency_limit(check: Check | None) -> Limit | None:
    if check is None or isinstance(check.threshold, str) or not check.threshold:
        return None
    return Limit("p99 allowed over the whole run", check.threshold)


def _answers(rehearsal: Rehearsal) -> Iterator[Plot]:
    names = {"requests": "answered or failed"}
    if any(known(rehearsal.timeline.series.get("connectionErrors", ()))):
        names["connectionErrors"] = "connections that broke"
    yield Plot("requests", "Requests", "per second", _lines(rehearsal, names))
    codes = _prefixed(rehearsal, "refusals.")
    often = sorted(codes, key=lambda name: -sum(known(rehearsal.timeline.series[name])))
    shown, others = often[:_MOST_CODES], often[_MOST_CODES:]
    note = f"And {len(others)} rarer codes, in the table of endpoints." if others else ""
    asked = rehearsal.timeline.series.get("requests", ())
    lines = tuple(
        replace(line, values=_zeroed(line.values, asked)) for line in _lines(rehearsal, {n: codes[n] for n in shown})
    )
    yield Plot("refusals", "Refusals by code", "per second", lines, note)


def _generator(rehearsal: Rehearsal) -> Iterator[Plot]:
    lines = _lines(rehearsal, {"latenessP99Ms": "p99 of how late a step began"})
    yield Plot("lateness", "Lateness of the generator", "ms", lines, "A crowd that is late is no crowd any more.")
    limit = rehearsal.generator.in_flight_limit
    yield Plot(
        "in-flight",
        "Requests in flight",
        "at most in that second",
        _lines(rehearsal, {"inFlight": "in flight"}),
        limit=Limit("limit (--in-flight)", limit) if limit else None,
    )
    cpu = _prefixed(rehearsal, "generatorCpu.", "process ")
    yield Plot("generator-cpu", "CPU of the generator", "cores", _lines(rehearsal, cpu), limit=Limit("one core", 1.0))


def _zeroed(values: Series, asked: Series) -> Series:
    """Return a count with 0 for the seconds in which there were requests, and none of this kind."""
    pairs = zip_longest(values, asked)
    return tuple(0.0 if value is None and requests is not None else value for value, requests in pairs)


def _prefixed(rehearsal: Rehearsal, prefix: str, word: str = "") -> dict[str, str]:
    names = sorted(name for name in rehearsal.timeline.series if name.startswith(prefix))
    return {name: word + name.removeprefix(prefix) for name in names}


def _lines(rehearsal: Rehearsal, names: dict[str, str]) -> tuple[Line, ...]:
    series = rehearsal.timeline.series
    return tuple(line for name, word in names.items() for line in _line(word, series.get(name, ())))


def _line(name: str, values: Series) -> tuple[Line, ...]:
    return (Line(name, values),) if known(values) else ()

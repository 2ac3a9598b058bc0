"""What one sees while a rehearsal runs: a small table that moves on a terminal, a line now and then elsewhere."""

import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ops.console import say
from ops.rehearse.generator.histogram import Histogram
from ops.rehearse.generator.second import Second
from ops.rehearse.sampler import Look

if TYPE_CHECKING:
    from rich.console import RenderableType

_HEAD = "    time  arrived  waiting  active    held    sold  in MySQL  outbox     lag  req/s   p99 ms  late ms  CPU"
_EACH_SECOND_UNTIL_S, _THEN_EVERY_S = 60, 10  # a log of a long soak can still be read

Figure = float | None


@dataclass(frozen=True, slots=True)
class Moment:
    """The rehearsal at one second; None is shown as a dash."""

    second: int
    arrived: Figure = None
    waiting: Figure = None
    active: Figure = None
    held: Figure = None
    sold: Figure = None
    in_mysql: Figure = None
    outbox: Figure = None
    lag: Figure = None
    requests: Figure = None  # in the last second
    p99_ms: Figure = None  # of the slowest endpoint
    late_ms: Figure = None  # how far the crowd is behind its schedule, 99th percentile
    generator_cpu: Figure = None  # of its busiest process, as a share of a core
    away: tuple[str, ...] = ()  # what a fault has taken


def moment(second: int, arrived: int, seconds: Sequence[Second], look: Look, away: tuple[str, ...]) -> Moment:
    """Return what is shown: of the crowd the seconds since the last moment, of the stack the latest look."""
    seen = look.figures
    lags = [records for name, records in seen.items() if name.startswith("kafkaLag.") and records is not None]
    slowest = [each.latency.percentile_ms(99) or 0.0 for one in seconds for each in one.endpoints.values()]
    shares = [share for one in seconds for share in one.cpu.values()]
    return Moment(
        second=second,
        arrived=arrived,
        waiting=seen.get("waiting"),
        active=seen.get("active"),
        held=seen.get("held"),
        sold=seen.get("confirmed"),
        in_mysql=seen.get("mysqlRows"),
        outbox=seen.get("outbox"),
        lag=sum(lags) if lags else None,
        requests=sum(one.requests for one in seconds) / len(seconds) if seconds else None,
        p99_ms=max(slowest, default=None),
        late_ms=Histogram.merged(one.lateness for one in seconds).percentile_ms(99),
        generator_cpu=max(shares, default=None),
        away=away,
    )


class Progress:
    """Shows moments. Off a terminal one line a second at first, then every ten."""

    def __init__(self, buyers: int, stock: int, *, is_live: bool | None = None) -> None:
        self._buyers, self._stock = buyers, stock
        self._is_live = sys.stderr.isatty() if is_live is None else is_live
        self._has_head = False
        self._update: Callable[[RenderableType], None] = lambda picture: None

    def running(self) -> AbstractContextManager[object]:
        """Show while the block runs."""
        if not self._is_live:
            return nullcontext()
        from rich.console import Console
        from rich.live import Live
        from rich.text import Text

        live = Live(Text(), console=Console(stderr=True), refresh_per_second=4)
        self._update = live.update
        return live

    def show(self, moment: Moment) -> None:
        """Show a moment."""
        if self._is_live:
            self._update(self._picture(moment))
        elif moment.second <= _EACH_SECOND_UNTIL_S or moment.second % _THEN_EVERY_S == 0:
            if not self._has_head:
                say(_HEAD)
                self._has_head = True
            say(line(moment))

    def _picture(self, moment: Moment) -> "RenderableType":
        from rich.table import Table

        grid = Table.grid(padding=(0, 2))
        rows = (
            (("elapsed", f"{moment.second:,} s"), ("held", _n(moment.held)), ("requests/s", _n(moment.requests))),
            (
                ("arrived", f"{_n(moment.arrived)} of {self._buyers:,}"),
                ("sold", f"{_n(moment.sold)} of {self._stock:,}"),
                ("p99", f"{_n(moment.p99_ms)} ms"),
            ),
            (("waiting", _n(moment.waiting)), ("in MySQL", _n(moment.in_mysql)), ("late", f"{_n(moment.late_ms)} ms")),
            (
                ("active", _n(moment.active)),
                ("outbox, lag", f"{_n(moment.outbox)}, {_n(moment.lag)}"),
                ("crowd's CPU", _share(moment.generator_cpu)),
            ),
        )
        for row in rows:
            grid.add_row(*(cell for name, value in row for cell in (f"[dim]{name:>11}[/]", f"[bold]{value:<16}[/]")))
        if moment.away:
            grid.add_row("[red]       away[/]", f"[bold red]{', '.join(moment.away)}[/]")
        return grid


def line(moment: Moment) -> str:
    """Return a moment as one line under the heading."""
    away = f"  {', '.join(moment.away)} away" if moment.away else ""
    return (
        f"{moment.second:6} s  {_n(moment.arrived):>7}  {_n(moment.waiting):>7}  {_n(moment.active):>6}"
        f"  {_n(moment.held):>6}  {_n(moment.sold):>6}  {_n(moment.in_mysql):>8}  {_n(moment.outbox):>6}"
        f"  {_n(moment.lag):>6}  {_n(moment.requests):>5}  {_n(moment.p99_ms):>7}  {_n(moment.late_ms):>7}"
        f"  {_share(moment.generator_cpu):>4}{away}"
    )


def _n(value: Figure) -> str:
    return "-" if value is None else f"{value:,.0f}"


def _share(value: Figure) -> str:
    return "-" if value is None else f"{value:.0%}"

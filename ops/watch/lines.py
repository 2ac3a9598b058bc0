"""Off a terminal: a line for each look, which a log keeps, and a line for each problem when it comes and goes."""

from ops.watch.figures import Figures
from ops.watch.problems import Problem
from ops.watch.wording import UNKNOWN, count, rate, share, span

HEAD = (
    f"{'time':<9} {'state':<9} {'waiting':>9} {'active':>7} {'admitted':>9} {'free':>9} {'held':>7} {'sold':>9} "
    f"{'sales':>9} {'outbox':>7} {'lag':>8} {'behind':>7} {'dead':>5} {'requests':>9} {'p99':>8} {'cpu':>5}"
)


def line(figures: Figures, clock: str) -> str:
    """Return a look as one line under the heading; `cpu` is of the busiest process."""
    busiest = max((each.cpu for each in figures.processes if each.cpu is not None), default=None)
    cells = (
        f"{clock:<9}",
        f"{figures.state or UNKNOWN:<9}",
        f"{count(figures.waiting):>9}",
        f"{count(figures.active):>7}",
        f"{rate(figures.admitted_per_s):>9}",
        f"{count(figures.free):>9}",
        f"{count(figures.held):>7}",
        f"{count(figures.sold):>9}",
        f"{rate(figures.sold_per_s):>9}",
        f"{count(figures.outbox):>7}",
        f"{count(max(figures.lag.values(), default=None)):>8}",
        f"{count(figures.behind):>7}",
        f"{count(figures.dead):>5}",
        f"{rate(figures.requests_per_s):>9}",
        f"{span(figures.p99_s):>8}",
        f"{share(busiest):>5}",
    )
    return " ".join(cells)


def changes(before: tuple[Problem, ...], now: tuple[Problem, ...]) -> list[str]:
    """Return a line for each problem that is new, and one for each figure that is well again."""
    had, have = {(each.figure, each.severity, each.command) for each in before}, {each.figure for each in now}
    new = [each for each in now if (each.figure, each.severity, each.command) not in had]
    gone = sorted({each.figure for each in before} - have)
    return [f"  ! {each.says}; {each.command}" for each in new] + [f"  {figure}: well again" for figure in gone]

"""Whether processes stay as they are while buyers buy and cancel: memory and open files at the two ends of a soak.

What is compared are medians over a fifth of the steady part at either end, so that one look at a bad moment, or a
process that a fault has started anew, decides nothing. The warm-up comes before: caches fill, heaps grow to their size.

A sale keeps every buyer's record on purpose. A soak's buyers come back under the same ids, which replaces the records,
so Redis stays as it is too; a sale with payment keeps each paymentId besides, about 120 bytes of Redis for a purchase.
"""

from collections.abc import Mapping
from statistics import median

from ops.rehearse.record import Growth, ProcessSeries, Series, Soak

_WARM_UP_SHARE = 0.25
_LONGEST_WARM_UP_S = 120.0


def warm_up_s(duration_s: float) -> float:
    """Return how much of a soak's beginning is not held against anybody: a quarter, two minutes at most."""
    return min(_LONGEST_WARM_UP_S, _WARM_UP_SHARE * duration_s)


def soak(
    processes: Mapping[str, ProcessSeries], duration_s: float, bought: int | None = None, cancelled: int | None = None
) -> Soak:
    """Return how each process grew from the end of the warm-up to the end of the soak."""
    begin, end = round(warm_up_s(duration_s)), round(duration_s)
    return Soak(
        from_second=begin,
        to_second=end,
        bought=bought,
        cancelled=cancelled,
        growth={name: growth(series, begin, end) for name, series in processes.items()},
    )


def growth(series: ProcessSeries, begin: int, end: int) -> Growth:
    """Return a process' two ends between two seconds; None where nothing was seen of it."""
    memory, fds = _ends(series.memory_bytes, begin, end), _ends(series.fds, begin, end)
    return Growth(
        memory_bytes_start=memory[0],
        memory_bytes_end=memory[1],
        fds_start=fds[0],
        fds_end=fds[1],
    )


def _ends(series: Series, begin: int, end: int) -> tuple[float | None, float | None]:
    steady = series[begin : end + 1]
    fifth = max(1, len(steady) // 5)
    return _middle(steady[:fifth]), _middle(steady[-fifth:])


def _middle(series: Series) -> float | None:
    seen = [each for each in series if each is not None]
    return median(seen) if seen else None

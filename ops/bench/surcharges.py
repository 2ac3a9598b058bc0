"""What a request costs more where limits or metrics are on: `enter` beside `enter` with neither, at the same server."""

from contextlib import ExitStack
from itertools import count

from ops.bench import load, sales, servers
from ops.bench.figures import Figure, in_turn
from ops.bench.http import create_line
from ops.bench.load import BUYERS_PER_THREAD, THREADS, Costs, rate

_ROUNDS = 4
_SALE = "line"
_NAMES = ("plain", "with limits", "with metrics")


def measure() -> list[Figure]:
    """Return the rates with limits and with metrics beside the rate with neither. Needs wrk."""
    load.need_wrk()
    with ExitStack() as stack:
        url, redis_port = stack.enter_context(servers.redis_server())
        create_line(sales.link(url), _SALE)
        env = {"REDIS_URL": url, "DEFAULT_SALE": _SALE}
        metrics = stack.enter_context(servers.folder())
        # The highest limits that there are: what is measured is asking, not being refused.
        added: tuple[dict[str, str], ...] = (
            {},
            {"RATE_LIMIT": "1000000/1000000"},
            {"PROMETHEUS_MULTIPROC_DIR": str(metrics)},
        )
        ports = [
            stack.enter_context(load.gateway({**env, **more}, name=name.replace(" ", "-")))
            for name, more in zip(_NAMES, added, strict=True)
        ]
        costs = [Costs(port, redis_port) for port in ports]
        numbers = count(1)

        def enter(which: int) -> float:
            first = THREADS * BUYERS_PER_THREAD * next(numbers)
            path = "/api/v1/queue/enter?userId="
            return costs[which].of(lambda: rate(ports[which], "POST", path, first))

        plain, limited, measured = in_turn(_ROUNDS, lambda: enter(0), lambda: enter(1), lambda: enter(2))
    kinds = (("limits", limited, costs[1]), ("metrics", measured, costs[2]))
    rates = [Figure(f"enter with {kind}", value, "req/s", plain, "enter without") for kind, value, _ in kinds]
    workers = [
        Figure(f"the workers' CPU, enter with {kind}", cost.workers, "µs/req", costs[0].workers, "enter without")
        for kind, _, cost in kinds
    ]
    more = Figure("Redis' CPU, enter with limits", costs[1].redis, "µs/req", costs[0].redis, "enter without")
    return [*rates, *workers, more]

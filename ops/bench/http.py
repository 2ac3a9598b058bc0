"""The HTTP path under wrk: a bare answer, Chalice alone, and the routes of buyers, all through the same server.

The no-op is served by the gateway as the app is. The bare answer is plain WSGI, which is the least that the server and
Python cost together. All have as many connections as a crowd has: what the gateway gains, it gains from many at once.
"""

from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from itertools import count

from chalicelib.sale.model import SalePlan, SaleSettings
from chalicelib.sale.redis_link import RedisLink
from chalicelib.sale.store import SaleStore
from ops.bench import load, sales, servers
from ops.bench.figures import Figure, in_turn
from ops.bench.load import BUYERS_PER_THREAD, CONNECTIONS, THREADS, Costs, rate

_ROUNDS = 4
_SPAN = THREADS * BUYERS_PER_THREAD
_WAITING = 200_000
_SALE = "/api/v1/sale"
_Prepare = Callable[[], Callable[[], float]]  # makes ready what must not be measured, and returns what is to be
STATUS, PUBLIC = f"status, {_WAITING:,} waiting", "GET /sale"
_TARGETS = {"enter": 0.5, "reserve": 0.45}
_COUNTED = ("enter", STATUS, "reserve", PUBLIC)


def measure() -> list[Figure]:
    """Return the rates of the HTTP path. Needs wrk."""
    load.need_wrk()
    with ExitStack() as stack:
        url, redis_port = stack.enter_context(servers.redis_server())
        link = sales.link(url)
        create_line(link, "line")
        env = {"REDIS_URL": url, "DEFAULT_SALE": "line"}
        bare = stack.enter_context(load.gateway(env, "ops.bench.baselines:bare"))
        noop = stack.enter_context(load.gateway(env, "ops.bench.baselines:noop"))
        app = stack.enter_context(load.gateway(env))
        calls: dict[str, _Prepare] = {"no-op": lambda: partial(rate, noop, "GET", "/?"), **_calls(app, link)}
        costs = {name: Costs(noop if name == "no-op" else app, redis_port) for name in calls}
        counted = [partial(_counted, costs[name], prepare) for name, prepare in calls.items()]
        bare_rate, *rates = in_turn(_ROUNDS, lambda: rate(bare, "GET", "/?"), *counted)
    seen = dict(zip(calls, rates, strict=True))
    note = f"{CONNECTIONS} connections in this and all of the HTTP path"
    return [
        Figure("Chalice no-op", seen["no-op"], "req/s", bare_rate, "bare WSGI answer", 0.4, note=note),
        *(
            Figure(name, seen[name], "req/s", seen["no-op"], "Chalice no-op", _TARGETS.get(name))
            for name in list(calls)[1:]
        ),
        *_costs(costs),
    ]


def _costs(costs: dict[str, Costs]) -> list[Figure]:
    workers = {name: cost.workers for name, cost in costs.items()}
    return [
        Figure("the workers' CPU, Chalice no-op", workers["no-op"], "µs/req"),
        *(
            Figure(f"the workers' CPU, {name}", workers[name], "µs/req", workers["no-op"], "Chalice no-op")
            for name in _COUNTED
        ),
        *(Figure(f"Redis' CPU, {name}", costs[name].redis, "µs/req") for name in _COUNTED if name != PUBLIC),
    ]


def create_line(link: RedisLink, sale_id: str) -> None:
    """Create a sale whose only place is taken, so that everybody else waits."""
    settings = SaleSettings(payment="required", max_active=1, admit_per_second=0, active_ms=3_600_000)
    SaleStore(link).create_sale(SalePlan(sale_id, settings, capacity=1_000_000))
    SaleStore(link).enter_queue(sale_id, "0")


def _counted(cost: Costs, prepare: _Prepare) -> float:
    return cost.of(prepare())


def _calls(app: int, link: RedisLink) -> dict[str, _Prepare]:
    entered, reserving = count(1), count(1)
    create_line(link, "crowd")
    sales.fill_line(link, "crowd", buyers=_WAITING, digits=0)

    def reserve() -> Callable[[], float]:
        # A sale for each round: whoever is active in it reserves once.
        sale_id = f"round-{next(reserving)}"
        sales.create_active(link, sale_id, buyers=_SPAN // 4, payment="required")
        path = f"/api/v1/sales/{sale_id}/reservations/reserve?userId="
        return partial(rate, app, "POST", path, 0, _SPAN // 4 // THREADS)

    status = "/api/v1/sales/crowd/queue/status?userId="
    return {
        "enter": lambda: partial(rate, app, "POST", "/api/v1/queue/enter?userId=", _SPAN * next(entered)),
        STATUS: lambda: partial(rate, app, "GET", status, 0, _WAITING // THREADS - 1),
        "reserve": reserve,
        PUBLIC: lambda: partial(rate, app, "GET", _SALE, 0, 0),
        f"{PUBLIC}, not modified (304)": lambda: partial(rate, app, "GET", _SALE, 0, 0, ("If-None-Match", "*")),
    }

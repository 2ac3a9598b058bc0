"""How long after an outage nothing is missing any more: from the server's first answer to the last row in MySQL.

The sale goes on while Kafka or MySQL is away; what it sold meanwhile has to arrive. Redis that is away stops the sale,
so there a ticket is sold over HTTP as soon as that goes, and its row waited for.
"""

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from itertools import count

import psutil

from chalicelib.sale.redis_link import RedisLink
from functions.mysql import Database
from functions.mysql_errors import DatabaseAway
from ops import environment
from ops.bench import sales
from ops.bench.figures import Figure
from ops.local import topology
from ops.local.stack import Stack, private_stack

_NEEDED = ("redis", "mysql", "kafka", "topics", "tables", "gateway", "scheduler", "relay", "event-source-persist")
_SALE = "recovery"
_BUYERS, _SOLD_MEANWHILE = 2_000, 200
_AWAY_S = 3.0  # long enough for every retry to have come to its longest pause
_WAIT_S = 60.0
_TARGET_S = 10.0


def measure() -> list[Figure]:
    """Stop each server, start it again, and time what follows."""
    with private_stack(only=_NEEDED) as stack:
        environment.point_at(stack.env)
        redis = sales.link(stack.env["REDIS_URL"])
        sales.create_active(redis, _SALE, buyers=_BUYERS, payment="none")
        trade = _Trade(redis, stack)
        trade.sell(1)
        trade.wait_for_rows()
        found = {name: _recovery_s(stack, name, trade) for name in ("mysql", "kafka", "redis")}
        trade.close()
    return [
        Figure(f"{name} is back until nothing is missing", took_s, "s", target=_TARGET_S, at_most=True)
        for name, took_s in found.items()
    ]


class _Trade:
    """Sells tickets, and knows how many events MySQL must have."""

    def __init__(self, redis: RedisLink, stack: Stack) -> None:
        self._redis = redis
        self._url = f"{stack.env['ONSALE_URL']}/api/v1/sales/{_SALE}/reservations/reserve?userId="
        self._database = Database(stack.env["MYSQL_URL"])
        self._numbers = count(1)
        self._sold = 0

    def sell(self, tickets: int) -> None:
        """Sell by the script alone, which asks nobody but Redis."""
        sales.call(self._redis, _SALE, "reserve", ([str(next(self._numbers)), "1", ""] for _ in range(tickets)))
        self._sold += tickets

    def sell_over_http(self) -> bool:
        """Sell one ticket as a buyer gets it; False when that does not go now. Safe to repeat."""
        # Always the last buyer: who was not answered asks again.
        request = urllib.request.Request(f"{self._url}{_BUYERS}", method="POST")  # noqa: S310 - ours
        try:
            with urllib.request.urlopen(request, timeout=2) as answer:  # noqa: S310
                sold = answer.status in (200, 201)
        except (urllib.error.URLError, OSError):
            return False
        self._sold += sold
        return sold

    def rows(self) -> int:
        """Return how many tickets MySQL has; -1 when it cannot be asked."""
        try:
            with self._database.transaction() as cursor:
                cursor.execute("SELECT COUNT(*) FROM purchases WHERE sale_id = %s", (_SALE,))
                row = cursor.fetchone()
        except DatabaseAway:
            return -1
        return int(row[0]) if row else 0

    def wait_for_rows(self) -> None:
        """Wait until MySQL has every ticket that was sold."""
        _wait_for(lambda: self.rows() >= self._sold, f"{self._sold} tickets in MySQL")

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()


def _recovery_s(stack: Stack, name: str, trade: _Trade) -> float:
    answers = topology.questions(stack.env)[name]
    process = psutil.Process(stack.pid(name))
    process.terminate()
    psutil.wait_procs([process], timeout=_WAIT_S)
    if name != "redis":
        trade.sell(_SOLD_MEANWHILE)
    time.sleep(_AWAY_S)
    starting = threading.Thread(target=stack.up)
    starting.start()
    try:
        _wait_for(answers, f"{name} answers")
        back_at_s = time.monotonic()
        if name == "redis":
            _wait_for(trade.sell_over_http, "a ticket sold over HTTP")
        trade.wait_for_rows()
        return time.monotonic() - back_at_s
    finally:
        starting.join()


def _wait_for(condition: Callable[[], object], what: str) -> None:
    give_up_s = time.monotonic() + _WAIT_S
    while not condition():
        if time.monotonic() > give_up_s:
            raise RuntimeError(f"not within {_WAIT_S:g} s: {what}")
        time.sleep(0.02)

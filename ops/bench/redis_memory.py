"""What a buyer takes of Redis' memory, waiting, holding and having bought; what a seat and an event in the outbox do.

By the real scripts, of buyers with ids as long as an identity provider's. Each state is reached by all buyers of a sale
before it is measured, by the difference of `used_memory`; the outbox is emptied before, as the relay would.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from chalicelib.sale.keys import sale_keys
from chalicelib.sale.model import SalePlan, SaleSettings
from chalicelib.sale.redis_link import RedisLink
from chalicelib.sale.scripts import script
from chalicelib.sale.store import SaleStore
from ops.bench import sales, servers
from ops.bench.figures import Figure

SIZES = (10_000, 100_000)
_RESERVATION = re.compile(r"\b\d+-\d+\b")


def measure() -> list[Figure]:
    """Return the bytes of each state for both sizes, waiting and bought beside the barest form of the same facts."""
    with servers.redis_server() as (url, _):
        redis = sales.link(url)
        redis.command("CONFIG", "SET", "appendonly", "no")  # its buffers would be counted with the buyers
        for name in ("enter_queue", "reserve", "confirm"):
            redis.command("SCRIPT", "LOAD", script(name).text)  # they would be counted with the first who call them
        found: list[Figure] = []
        for buyers in SIZES:
            found += _of(redis, buyers)
            redis.command("FLUSHALL")
    return found


def _of(redis: RedisLink, buyers: int) -> list[Figure]:
    sale_id, line = f"inside-{buyers}", f"line-{buyers}"
    inside = SaleSettings(payment="required", max_active=buyers, admit_per_second=0, active_ms=3_600_000)
    SaleStore(redis).create_sale(SalePlan(sale_id, inside, capacity=buyers))
    SaleStore(redis).create_sale(SalePlan(line, SaleSettings(paused=True, max_active=1), capacity=buyers))
    ids = list(_ids(buyers))

    def each(name: str, of: str, *rest: str) -> float:
        return _grown(redis, lambda: sales.call(redis, of, name, ([user, *rest] for user in ids))) / buyers

    bare_line = _grown(redis, lambda: _bare(redis, "ZADD", ([str(n), user] for n, user in enumerate(ids)))) / buyers
    waiting, active = each("enter_queue", line), each("enter_queue", sale_id)
    held = active + each("reserve", sale_id, "1", "")
    event = _of_outbox(redis, sale_id) / buyers
    held -= event
    bought = held + (_grown(redis, lambda: _pay(redis, sale_id, buyers)) - _of_outbox(redis, sale_id)) / buyers
    orders = redis.command("HGETALL", sale_keys(sale_id).orders)
    bare_orders = _grown(redis, lambda: _bare(redis, "HSET", zip(orders[::2], orders[1::2], strict=True))) / buyers
    of = f"{buyers:,} buyers"
    return [
        Figure(f"a waiting buyer, of {of}", waiting, "bytes", bare_line, "a bare sorted set"),
        Figure(f"an active buyer, of {of}", active, "bytes"),
        Figure(f"a buyer who holds, of {of}", held, "bytes"),
        Figure(f"a buyer who bought, of {of}", bought, "bytes", bare_orders, "a bare hash of records"),
        Figure(f"a free seat, of {buyers:,}", _of_seats(redis, buyers) / buyers, "bytes"),
        Figure(f"an event in the outbox, of {buyers:,}", event, "bytes"),
    ]


def _of_outbox(redis: RedisLink, sale_id: str) -> float:
    """Empty an outbox, and return what it took."""
    return -_grown(redis, lambda: redis.command("XTRIM", sale_keys(sale_id).outbox, "MAXLEN", 0))


def _pay(redis: RedisLink, sale_id: str, buyers: int) -> None:
    """Let everybody who holds pay. Raises RuntimeError where not all of so many could."""
    keys = sale_keys(sale_id)
    orders = redis.command("HGETALL", keys.orders)
    found = [
        (user, _RESERVATION.search(record.decode())) for user, record in zip(orders[::2], orders[1::2], strict=True)
    ]
    paid = ([user.decode(), held[0], f"pay_{number:024}"] for number, (user, held) in enumerate(found) if held)
    sales.call(redis, sale_id, "confirm", paid)
    if int(redis.command("HGET", keys.sale, "confirmed")) != buyers:
        raise RuntimeError(f"not all of {buyers} buyers have bought")


def _of_seats(redis: RedisLink, count: int) -> float:
    seats = tuple(f"{row}-{seat}" for row in range(count // 100) for seat in range(100))
    plan = SalePlan(f"seated-{count}", SaleSettings(), capacity=count, seat_ids=seats)
    return _grown(redis, lambda: SaleStore(redis).create_sale(plan))


def _ids(count: int) -> Iterator[str]:
    return (f"auth0|5f{number:022x}" for number in range(count))


def _bare(redis: RedisLink, word: str, pairs: Iterable[Sequence[str]]) -> None:
    sales.in_chunks(redis, ([word, "{bare}" + word, *pair] for pair in pairs))


def _grown(redis: RedisLink, change: Callable[[], object]) -> float:
    before = _memory(redis)
    change()
    return _memory(redis) - before


def _memory(redis: RedisLink) -> int:
    return parse_used_memory(redis.command("INFO", "memory").decode())


def parse_used_memory(info: str) -> int:
    """Read the bytes that Redis has allocated from INFO memory."""
    found = re.search(r"^used_memory:(\d+)", info, re.MULTILINE)
    if found is None:
        raise ValueError("INFO says nothing of memory")
    return int(found[1])

"""Sales in the middle of things, made in bulk: straight into the keys, as the scripts would have left them."""

from chalicelib.sale.keys import sale_keys
from chalicelib.sale.model import SalePlan, SaleSettings
from chalicelib.sale.redis_link import RedisLink, open_link
from chalicelib.sale.store import SaleStore

_CHUNK = 5_000
_FAR_MS = 4_000_000_000_000  # a deadline that does not come


def link(url: str) -> RedisLink:
    """Return a link that waits long enough for bulk work."""
    return open_link(url, cluster=False, connect_timeout_s=2, read_timeout_s=60)


def create_active(redis: RedisLink, sale_id: str, *, buyers: int, payment: str, digits: int = 0) -> None:
    """Create a counted sale in which the buyers 1 … `buyers` are active, as the admission would have left them.

    `digits` pads their ids with zeros, which is how redis-benchmark spells its random numbers.
    """
    settings = SaleSettings(payment=payment, max_active=buyers, admit_per_second=0)
    SaleStore(redis).create_sale(SalePlan(sale_id, settings, capacity=2 * buyers))
    keys = sale_keys(sale_id)
    for first in range(1, buyers + 1, _CHUNK):
        words: list[str | int] = []
        for number in range(first, min(first + _CHUNK, buyers + 1)):
            words += [_FAR_MS + number, f"{number:0{digits}}"]
        redis.command("ZADD", keys.active, *words)
    redis.command("HSET", keys.sale, "next_deadline_ms", _FAR_MS)


def fill_line(redis: RedisLink, sale_id: str, *, buyers: int, digits: int) -> None:
    """Put the buyers 0 … `buyers` - 1 in line, first come first."""
    keys = sale_keys(sale_id)
    for first in range(0, buyers, _CHUNK):
        words: list[str | int] = []
        for number in range(first, min(first + _CHUNK, buyers)):
            words += [number + 1, f"{number:0{digits}}"]
        redis.command("ZADD", keys.waiting, *words)
    redis.command("HSET", keys.sale, "sequence", buyers)

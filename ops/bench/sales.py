"""Sales in the middle of things, made in bulk: straight into the keys, as the scripts would have left them."""

from collections.abc import Iterable, Sequence

from chalicelib.sale.keys import sale_keys, script_keys
from chalicelib.sale.model import SalePlan, SaleSettings
from chalicelib.sale.redis_link import Argument, RedisLink, open_link
from chalicelib.sale.scripts import script
from chalicelib.sale.store import SaleStore

_CHUNK = 5_000
_CALLS = 500  # commands of one write
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


def call(redis: RedisLink, sale_id: str, name: str, calls: Iterable[Sequence[Argument]]) -> None:
    """Call a script with each of these lists of arguments, many in one write. Refusals go unnoticed."""
    redis.command("SCRIPT", "LOAD", script(name).text)
    keys = script_keys(sale_id, name)
    in_chunks(redis, (["EVALSHA", script(name).sha, len(keys), *keys, *arguments] for arguments in calls))


def in_chunks(redis: RedisLink, commands: Iterable[Sequence[Argument]]) -> None:
    """Run commands, many in one write. All keys in one slot, none of them large."""
    chunk: list[Sequence[Argument]] = []
    for command in commands:
        chunk.append(command)
        if len(chunk) == _CALLS:
            redis.transaction(*chunk)
            chunk = []
    if chunk:
        redis.transaction(*chunk)

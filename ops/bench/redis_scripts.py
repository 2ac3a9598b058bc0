"""The scripts in Redis by themselves, under redis-benchmark with its 50 clients, one request at a time each."""

import re
import subprocess
from statistics import median

from chalicelib.sale.keys import sale_keys, script_keys
from chalicelib.sale.model import SalePlan, SaleSettings
from chalicelib.sale.redis_link import RedisLink
from chalicelib.sale.scripts import script
from chalicelib.sale.store import SaleStore
from ops.bench import sales, servers
from ops.bench.figures import Figure

_ROUNDS = 3
_REQUESTS = 50_000
# redis-benchmark draws the buyer at random, and the more there are, the fewer come twice; but taking one out of more
# than any sale lets in at once would cost more than it does in a sale. So: a crowd, few requests, many rounds.
_ACTIVE = 20_000
_RESERVE_ROUNDS = 15
_RESERVE_REQUESTS = 10_000
_DIGITS = 12
_SHORT, _LONG = 1_000, 1_000_000


def measure() -> list[Figure]:
    """Return what the scripts cost Redis."""
    with servers.redis_server() as (url, port):
        redis = sales.link(url)
        return [*_reserve(redis, port), *_status(redis, port)]


def _reserve(redis: RedisLink, port: int) -> list[Figure]:
    rounds, costs, fresh = [], [], []
    for number in range(_RESERVE_ROUNDS):
        sale_id = f"r{number}"
        sales.create_active(redis, sale_id, buyers=_ACTIVE, payment="required", digits=_DIGITS)
        redis.command("SET", "x", "123")
        gets = _benchmark(port, _RESERVE_REQUESTS, ["GET", "x"])
        redis.command("CONFIG", "RESETSTAT")
        call = [*_call(redis, "reserve", sale_id), "__rand_int__", "1", ""]
        rounds.append((_benchmark(port, _RESERVE_REQUESTS, call, _ACTIVE), gets))
        costs.append(_usec_per_call(redis))
        fresh.append(int(redis.command("HGET", sale_keys(sale_id).sale, "held")) / _RESERVE_REQUESTS)
        redis.command("FLUSHALL")
    # The round in the middle: what slows the machine down for a while slows both of a pair.
    reserves, gets = sorted(rounds, key=lambda pair: pair[0] / pair[1])[len(rounds) // 2]
    share = f"{median(fresh):.0%} of the calls made a reservation, the others came for the same buyer again"
    return [
        Figure("reserve in Redis", reserves, "calls/s", gets, "GET", 0.5, note=share),
        Figure("reserve in Redis, commandstats", median(costs), "µs/call"),
    ]


def _status(redis: RedisLink, port: int) -> list[Figure]:
    costs: dict[int, list[float]] = {_SHORT: [], _LONG: []}
    settings = SaleSettings(max_active=1)
    for buyers in costs:
        SaleStore(redis).create_sale(SalePlan(f"w{buyers}", settings, capacity=1_000))
        sales.fill_line(redis, f"w{buyers}", buyers=buyers, digits=_DIGITS)
    for _ in range(_ROUNDS):
        for buyers, seen in costs.items():
            redis.command("CONFIG", "RESETSTAT")
            _benchmark(port, _REQUESTS, [*_call(redis, "queue_status", f"w{buyers}"), "__rand_int__"], buyers)
            seen.append(_usec_per_call(redis))
    longest, shortest = median(costs[_LONG]), median(costs[_SHORT])
    name = f"status with {_LONG:,} waiting"
    return [Figure(name, longest, "µs/call", shortest, f"with {_SHORT:,}", 1.5, at_most=True)]


def _call(redis: RedisLink, name: str, sale_id: str) -> list[str]:
    redis.command("SCRIPT", "LOAD", script(name).text)
    keys = script_keys(sale_id, name)
    return ["EVALSHA", script(name).sha, str(len(keys)), *keys]


def _benchmark(port: int, requests: int, words: list[str], range_of_numbers: int = 0) -> float:
    command = ["redis-benchmark", "-p", str(port), "-n", str(requests), "--csv"]
    if range_of_numbers:
        command += ["-r", str(range_of_numbers)]
    output = subprocess.run([*command, *words], capture_output=True, text=True, check=True, timeout=120).stdout
    return parse_rate(output)


def parse_rate(csv: str) -> float:
    """Read the requests per second of `redis-benchmark --csv`. Raises ValueError for what is not its output."""
    try:
        return float(csv.strip().splitlines()[-1].rsplit('","', 7)[1].strip('"'))
    except (IndexError, ValueError) as error:
        raise ValueError(f"not the output of redis-benchmark: {csv[-200:]!r}") from error


def _usec_per_call(redis: RedisLink) -> float:
    return parse_usec_per_call(redis.command("INFO", "commandstats").decode())


def parse_usec_per_call(info: str) -> float:
    """Read EVALSHA's microseconds per call from INFO commandstats."""
    found = re.search(r"cmdstat_evalsha:.*?usec_per_call=([\d.]+)", info)
    if found is None:
        raise ValueError("no EVALSHA was called")
    return float(found[1])

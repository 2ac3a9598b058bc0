"""How often one buyer and one address may ask: token buckets in Redis, so that all processes count together.

Knows no HTTP. A buyer who is told to wait loses nothing: the place in the line is the sale's, not the limit's.
"""

from functools import cache
from importlib.resources import files

from chalicelib.rates import Rates
from chalicelib.sale.redis_link import RedisLink, Script

# A bucket holds so many seconds' worth: a page that loads asks several times at once.
BURST_S = 5


class Limiter:
    """Takes tokens. Raises StoreUnavailable when Redis does not answer."""

    def __init__(self, link: RedisLink, rates: Rates) -> None:
        self._link = link
        self._rates = rates

    def wait_ms(self, sale_id: str, user_id: str, address: str) -> int:
        """Take a token of the user and one of the address; 0 if both had one, else the ms until they will."""
        prefix = f"{{sale:{sale_id}}}:bucket:"  # in the sale's slot, so that one call reaches both
        keys = (f"{prefix}user:{user_id}", f"{prefix}address:{address}")
        numbers = [number for rate in self._rates for number in (rate, rate * BURST_S)]
        return int(self._link.script(_script(), keys, numbers))


@cache
def _script() -> Script:
    lines = files(__name__).joinpath("take_tokens.lua").read_text(encoding="utf-8").splitlines()
    return Script("\n".join(["#!lua", *(line for line in lines if not line.startswith("--"))]))

"""How often one buyer and one address may ask, as a setting says it. Knows no store."""

from typing import NamedTuple


class Rates(NamedTuple):
    """Requests per second that are let through in the long run; 0: as many as come."""

    per_user: int
    per_address: int


UNLIMITED = Rates(0, 0)
# A page that obeys `pollAfterSeconds` asks four times a second at most; behind one address there may be an office.
WHEN_DEPLOYED = Rates(5, 100)


def read_rates(text: str) -> Rates:
    """Read `5/100` (per user, per address) or `off`. Raises ValueError saying what is wrong."""
    if text == "off":
        return UNLIMITED
    numbers = text.split("/")
    if len(numbers) != 2 or not all(each.isascii() and each.isdigit() and 1 <= int(each) <= 10**6 for each in numbers):
        raise ValueError("must be `off`, or requests per second of a user and of an address, such as 5/100")
    return Rates(*map(int, numbers))

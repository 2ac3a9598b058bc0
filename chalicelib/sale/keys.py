"""The names of a sale's keys. All share the hash tag `{sale:ID}`, so that a sale lives in one cluster slot."""

from dataclasses import dataclass
from functools import lru_cache

SALES = "sales"  # set of the ids that are not archived; alone in its slot, touched by commands of its own


@dataclass(frozen=True, slots=True)
class SaleKeys:
    """Every key of one sale; the field names are the key names that the script headers use."""

    sale: str
    waiting: str
    active: str
    holds: str
    orders: str
    free: str
    seats: str
    seat_changes: str
    outbox: str
    payments: str
    plan: str
    contacts: str


@lru_cache(maxsize=256)
def sale_keys(sale_id: str) -> SaleKeys:
    """Return the keys of a sale."""
    return SaleKeys(**{name: f"{{sale:{sale_id}}}:{name}" for name in SaleKeys.__slots__})


# Scripts number their keys in the order of SaleKeys, and each takes as many from the front as it needs.
_KEYS_OF_SCRIPT = {"confirm": 10, "cancel": 10, "create_sale": 11, "configure_sale": 12, "put_contact": 12}
_KEYS_OF_OTHERS = 9


@lru_cache(maxsize=1024)
def script_keys(sale_id: str, script_name: str) -> tuple[str, ...]:
    """Return the keys that a script of this sale is given, in order."""
    keys = sale_keys(sale_id)
    count = _KEYS_OF_SCRIPT.get(script_name, _KEYS_OF_OTHERS)
    return tuple(getattr(keys, name) for name in SaleKeys.__slots__[:count])

"""Who a buyer is to `notify`: where to write to, and what their sale is called. Read from Redis, never written."""

import json
import time
from typing import NamedTuple

from chalicelib.sale.reader import SaleReader
from functions.notify_providers import NeverSendable

_NAME_KEPT_S = 60.0
_NAMES_KEPT = 1_000


class Contact(NamedTuple):
    """Where to write to a buyer; what they did not say is empty."""

    email: str = ""
    phone: str = ""
    language: str = ""

    def over(self, channel: str) -> str:
        """Return the address of a channel."""
        return self.email if channel == "email" else self.phone


class Addressees:
    """Reads contacts and names of sales. Contacts are never kept: one that was erased is not written to any more."""

    def __init__(self, reader: SaleReader) -> None:
        self._reader = reader
        self._names: dict[str, tuple[str, float]] = {}

    def contact(self, sale_id: str, user_id: str) -> Contact:
        """Return how a buyer may be reached. Raises StoreUnavailable, and NeverSendable for what is no contact."""
        kept = self._reader.contact(sale_id, user_id)
        if kept is None:
            return Contact()
        try:
            return Contact(**json.loads(kept))
        except (ValueError, TypeError):
            raise NeverSendable("the contact that is kept cannot be read") from None

    def sale_name(self, sale_id: str) -> str:
        """Return what a sale is called, its id where it has no name (any more). Raises StoreUnavailable."""
        name, read_at_s = self._names.get(sale_id, ("", float("-inf")))
        if time.monotonic() - read_at_s < _NAME_KEPT_S:
            return name
        if len(self._names) >= _NAMES_KEPT:
            self._names.clear()
        name = self._reader.name(sale_id) or sale_id
        self._names[sale_id] = (name, time.monotonic())
        return name

"""What is on record once the crowd has gone home: the ledger, MySQL's purchases, the sale as Redis has it."""

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from chalicelib.errors import OnsaleError
from ops.console import say
from ops.operation import operate
from ops.rehearse.proof import Durable, read_durable

WAIT_S = 120.0  # consumers that have lost their broker take their time
_ONE_WAIT_S = 20.0


@dataclass(frozen=True, slots=True)
class Evidence:
    """None where it could not be read, however often it was tried."""

    ledger: Mapping[str, Any] | None
    durable: Durable | None
    sale: Mapping[str, Any] | None

    @property
    def confirmed(self) -> int | None:
        """Return how many units Redis has sold."""
        return None if self.sale is None else int(self.sale["confirmed"])


def gather(sale_id: str) -> Evidence:
    """Wait until nothing is in flight any more, then read everything."""
    deadline_s = time.monotonic() + WAIT_S
    ledger: Mapping[str, Any] | None = None
    while True:
        ledger = _asked("the ledger", "ledger", saleId=sale_id, waitSeconds=_ONE_WAIT_S) or ledger
        if (ledger and ledger["state"] != "in-flight") or time.monotonic() > deadline_s:
            break
        if ledger is None:
            time.sleep(1.0)
    return Evidence(ledger, _durable(sale_id), _asked("the sale", "sale.show", saleId=sale_id))


def _durable(sale_id: str) -> Durable | None:
    try:
        return read_durable(sale_id)
    except OnsaleError as error:
        say(f"  MySQL's purchases cannot be read: {error.detail}")
        return None


def _asked(what: str, action: str, **arguments: object) -> Mapping[str, Any] | None:
    try:
        answer: Mapping[str, Any] = operate(action, **arguments)
        return answer
    except OnsaleError as error:
        say(f"  {what} cannot be read: {error.detail}")
        return None

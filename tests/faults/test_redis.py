"""Redis, where the sale itself lives, goes away: nothing that a buyer was told is forgotten."""

from collections.abc import Callable

import pytest

from tests.faults.conftest import Recovered
from tests.faults.servers import Deliveries, Server
from tests.faults.trade import Trade


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
def test_redis_is_restarted(
    kill: bool, trade: Trade, deliveries: Deliveries, server: Callable[[str], Server], recovered: Recovered
) -> None:
    server("redis").stop(kill=kill)
    back_at_s = server("redis").start()
    trade.sell(1)
    recovered(trade.recovered_s(back_at_s))
    assert deliveries.letters == 0

"""The last minutes of a sale as `sale.show` answers them."""

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.config import settings
from functions.minutes import LAST, last_minutes
from functions.mysql import Database, database
from functions.statistics import Batch
from ops.local.ports import free_ports
from tests.functions.batches import Letters, a_batch, an_event

MINUTE_MS = 60_000
START_MS = 1_800_000_000_000


@pytest.fixture
def url(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Set MYSQL_URL as this process has it from now on."""

    def to(url: str) -> None:
        monkeypatch.setenv("MYSQL_URL", url)
        settings.cache_clear()

    settings.cache_clear()
    database.cache_clear()
    yield to
    database().close()
    settings.cache_clear()
    database.cache_clear()


def _count(into: Database, *events: dict[str, Any]) -> None:
    assert Batch(into, Letters()).write(a_batch(*events)) == []


def test_the_last_minutes_end_with_the_latest_event_and_have_no_gap(
    database: Database, own_database: str, url: Any
) -> None:
    url(own_database)
    hour_ms = 60 * MINUTE_MS
    _count(database, an_event(1, at=START_MS), an_event(2, at=START_MS + hour_ms, quantity=3))
    _count(database, an_event(3, "EXPIRED", at=START_MS + hour_ms - 5 * MINUTE_MS), an_event(1, saleId="t"))

    minutes = last_minutes("s")["minutes"]

    assert len(minutes) == LAST
    assert (minutes[0]["minute"], minutes[-1]["minute"]) == ("2027-01-15T08:31:00.000Z", "2027-01-15T09:00:00.000Z")
    assert (minutes[-1]["reserved"], minutes[-1]["reservedUnits"], minutes[-6]["expired"]) == (1, 3, 1)
    assert sum(minute["reserved"] for minute in minutes) == 1


def test_a_sale_in_which_nothing_happened_has_no_minutes(database: Database, own_database: str, url: Any) -> None:
    url(own_database)
    assert last_minutes("s") == {"minutes": [], "minutesNotice": ""}


def test_an_event_of_an_absurd_time_hides_no_other(database: Database, own_database: str, url: Any) -> None:
    url(own_database)
    _count(database, an_event(1, at=START_MS), an_event(2, at=2**53), an_event(3, at=1))

    assert last_minutes("s")["minutes"][-1]["minute"] == "2027-01-15T08:00:00.000Z"


def test_without_mysql_there_is_a_plain_notice(url: Any) -> None:
    url("")
    assert last_minutes("s") == {"minutes": None, "minutesNotice": "MYSQL_URL is not set"}

    (port,) = free_ports(1)
    url(f"mysql://u:secret-word@127.0.0.1:{port}/onsale")
    answer = last_minutes("s")
    assert answer["minutes"] is None
    assert answer["minutesNotice"].startswith("MySQL does not answer: 2003 ")
    assert "secret-word" not in answer["minutesNotice"]

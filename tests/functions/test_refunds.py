"""An operator sees which money has to go back, notes what has gone, and nothing opens a settled refund again."""

import os
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib.errors import InvalidRequest, Refused
from functions import refunds
from functions.mysql import database
from ops import environment
from ops.cli import main
from tests.functions.batches import Persist, Tables, an_event


@pytest.fixture(autouse=True)
def _client(own_database: str, tables: Tables) -> Iterator[None]:
    """Let this process be an operator's."""
    before = dict(os.environ)
    environment.point_at({"MYSQL_URL": own_database, "ONSALE_HOME": "/nonexistent"})
    yield
    database().close()
    environment.point_at({})
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def due(persist: Persist) -> list[dict[str, Any]]:
    """Three refunds that are due, as events."""
    reasons = {"pay-1": "already-paid", "pay-2": "hold-expired", "pay-3": "cancelled"}
    events = [
        an_event(number, "REFUND_DUE", paymentId=payment, reason=why, reservationId="100-1", at=1_795_232_635_000)
        for number, (payment, why) in enumerate(reasons.items(), start=2)
    ]
    assert persist(*events) == []
    return events


def _payments(**chosen: Any) -> list[str]:
    return [each["paymentId"] for each in refunds.list_all({"saleId": "s", **chosen})["refunds"]]


def test_a_refund_says_whom_since_when_and_why(due: list[dict[str, Any]]) -> None:
    assert refunds.list_all({"saleId": "s"})["refunds"][1] == {
        "paymentId": "pay-2",
        "userId": "bob",
        "reservationId": "100-1",
        "reason": "hold-expired",
        "dueAt": "2026-11-21T03:43:55.000Z",
        "settledAt": None,
    }


def test_refunds_come_page_by_page(due: list[dict[str, Any]]) -> None:
    page = refunds.list_all({"saleId": "s", "limit": 2})
    assert ([each["paymentId"] for each in page["refunds"]], page["next"]) == (["pay-1", "pay-2"], "pay-2")
    rest = refunds.list_all({"saleId": "s", "limit": 2, "after": page["next"]})
    assert ([each["paymentId"] for each in rest["refunds"]], rest["next"]) == (["pay-3"], None)
    assert _payments(saleId="other") == []


def test_what_is_settled_stays_settled_at_its_first_time(due: list[dict[str, Any]]) -> None:
    answer = refunds.settle({"saleId": "s", "paymentIds": ["pay-1", "pay-3"]})
    assert (answer["settled"], answer["changed"]) == (["pay-1", "pay-3"], True)
    assert (_payments(state="DUE"), _payments(state="SETTLED")) == (["pay-2"], ["pay-1", "pay-3"])
    before = refunds.list_all({"saleId": "s"})

    again = refunds.settle({"saleId": "s", "paymentIds": ["pay-1"]})

    assert (again["settled"], again["changed"], again["outcome"]) == ([], False, "settled nothing; 1 settled before")
    assert refunds.list_all({"saleId": "s"}) == before


def test_an_event_that_comes_again_does_not_open_a_settled_refund(due: list[dict[str, Any]], persist: Persist) -> None:
    refunds.settle({"saleId": "s", "paymentIds": ["pay-1", "pay-2", "pay-3"]})
    persist(*due)
    persist({**due[0], "version": 9})
    assert _payments(state="DUE") == []


def test_all_are_settled_or_none(due: list[dict[str, Any]]) -> None:
    with pytest.raises(Refused, match="no refund is due in s for: pay-8, pay-9") as refused:
        refunds.settle({"saleId": "s", "paymentIds": ["pay-1", "pay-8", "pay-9"]})
    assert refused.value.code == "no-such-refund"
    assert _payments(state="SETTLED") == []


def test_a_dry_run_changes_nothing(due: list[dict[str, Any]]) -> None:
    answer = refunds.settle({"saleId": "s", "paymentIds": ["pay-1"], "dryRun": True})
    assert (answer["changed"], answer["outcome"]) == (False, "would settle pay-1")
    assert _payments(state="SETTLED") == []


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"saleId": "s"}, "paymentIds"),
        ({"saleId": "s", "paymentIds": []}, "paymentIds"),
        ({"saleId": "s", "paymentIds": ["a b"]}, "paymentIds"),
        ({"saleId": "s", "paymentIds": ["a", "a"]}, "paymentIds"),
        ({"saleId": "S", "paymentIds": ["a"]}, "saleId"),
    ],
)
def test_bad_arguments_are_named(given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequest, match=field):
        refunds.settle(given)


def test_the_command_lists_asks_and_settles(due: list[dict[str, Any]], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["refunds", "list", "s"]) == 0
    assert "already-paid" in capsys.readouterr().out
    assert main(["refunds", "settle", "s", "pay-2"]) == 2
    assert main(["refunds", "settle", "s", "pay-2", "--dry-run"]) == 0
    assert _payments(state="SETTLED") == []
    assert main(["refunds", "settle", "s", "pay-2", "pay-2", "--yes"]) == 0
    assert _payments(state="SETTLED") == ["pay-2"]
    assert main(["refunds", "settle", "s", "pay-9", "--yes"]) == 1
    assert "no refund is due in s for: pay-9" in capsys.readouterr().err

"""The payment rules as the durable record tells them: every branch, through a running relay and persist, into MySQL."""

import os
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from functions.mysql import Database
from ops import environment
from ops.local.stack import private_stack
from ops.operation import operate
from tests.conftest import PATIENT
from tests.scripts.payments import CASES, TWO_WAYS, Scene
from tests.scripts.sales import Sales, open_sales
from tests.scripts.test_races import at_once

# No scheduler: who is settled when is the story's matter.
PIPES = ("redis", "mysql", "kafka", "topics", "tables", "relay", "event-source-persist")
PLAYED = [(case, seated) for case in CASES for seated in (False, True)]


@pytest.fixture(scope="module")
def sales() -> Iterator[Sales]:
    """The sales of servers with relay and persist running; this process is their client."""
    before = dict(os.environ)
    with private_stack(PATIENT, only=PIPES) as stack:
        environment.point_at(stack.env)
        yield open_sales(stack.env["REDIS_URL"])
    environment.point_at({})
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(scope="module")
def database(sales: Sales) -> Iterator[Database]:
    """Their database."""
    opened = Database(os.environ["MYSQL_URL"])
    yield opened
    opened.close()


def refunds_of(database: Database, sale_id: str) -> dict[str, str]:
    """Return the refunds that MySQL has: payment to reason."""
    with database.transaction() as cursor:
        cursor.execute(
            "SELECT payment_id, reason FROM refunds WHERE sale_id = %s AND user_id = 'ann' AND settled_at IS NULL",
            (sale_id,),
        )
        return dict(cursor.fetchall())


def status_of(database: Database, sale_id: str) -> str:
    """Return what MySQL says of ann's latest reservation."""
    with database.transaction() as cursor:
        cursor.execute("SELECT status FROM purchases WHERE sale_id = %s AND user_id = 'ann'", (sale_id,))
        row = cursor.fetchone()
    return str(row[0]) if row else ""


def assert_mysql_agrees(scene: Scene, database: Database, refunds: dict[str, str]) -> None:
    """Wait for the events of a scene; then the record has its purchase and its refunds, and the ledger balances."""
    ledger: dict[str, Any] = operate("ledger", saleId=scene.sale_id, waitSeconds=20)
    assert ledger["state"] == "balanced", ledger
    assert refunds_of(database, scene.sale_id) == refunds
    assert status_of(database, scene.sale_id) == scene.status()


@pytest.fixture(scope="module")
def scenes(sales: Sales) -> list[Scene]:
    """All cases, each called twice; every case with a sale of its own, so that their events travel together."""
    played = []
    for case, seated in PLAYED:
        scene = Scene(sales, seated=seated)
        scene.play(case.story)
        call = scene.act(case.call)
        assert [call(), call()] == [case.answer] * 2
        played.append(scene)
    return played


@pytest.mark.parametrize("number", range(len(PLAYED)), ids=[f"{case}-{seated}" for case, seated in PLAYED])
def test_every_branch_reaches_the_record(number: int, scenes: list[Scene], database: Database) -> None:
    assert_mysql_agrees(scenes[number], database, PLAYED[number][0].refunds)


def test_whoever_wins_a_race_with_expiry_the_record_says_the_same(sales: Sales, database: Database) -> None:
    raced = []
    for case, seated in PLAYED:
        for promoter_first in (False, True) if case.story in TWO_WAYS else ():
            scene = Scene(sales, seated=seated)
            scene.play(case.story)
            acts: list[Callable[[], Any]] = [
                scene.act(case.call),
                partial(sales.store.promote, scene.sale_id),
                scene.act(case.call),
            ]
            at_once(acts[::-1] if promoter_first else acts)
            raced.append((scene, scene.refunds_due()))
    assert len(raced) == 20
    for scene, refunds in raced:
        assert_mysql_agrees(scene, database, refunds)

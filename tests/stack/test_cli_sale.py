"""The operator's commands against a running stack, each as a shell would run it."""

import csv
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ops.local.stack import Stack
from tests.conftest import Eventually

Onsale = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def onsale(stack: Stack) -> Onsale:
    """Run a command line with the stack's settings in the environment."""

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "ops.cli", *words],
            env={**os.environ, **stack.env},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    return run


@pytest.fixture(scope="module", autouse=True)
def spring(onsale: Onsale, stack: Stack) -> str:
    """A seated sale in which two buyers bought a seat each."""
    done = onsale("sale", "create", "spring", "--rows", "2", "--seats-per-row", "3", "--name", "봄")
    assert done.returncode == 0, done.stderr
    for user in ("ann", "bob"):
        for path in ("queue/enter", "reservations/reserve"):
            subprocess.run(
                ["curl", "-sSf", "-X", "POST", f"{stack.env['ONSALE_URL']}/api/v1/sales/spring/{path}?userId={user}"],
                check=True,
                capture_output=True,
            )
    return "spring"


def test_the_ledger_of_a_running_sale_balances_within_seconds(onsale: Onsale) -> None:
    done = onsale("ledger", "spring", "--wait", "20", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    answer = json.loads(done.stdout)
    assert (answer["state"], answer["rows"][3]["mysql"]) == ("balanced", 2)
    assert "every place agrees" in onsale("ledger", "spring").stdout


def test_creating_again_is_the_same_and_another_definition_is_refused(onsale: Onsale) -> None:
    again = onsale("sale", "create", "spring", "--rows", "2", "--seats-per-row", "3", "--name", "봄", "--json")
    assert (again.returncode, json.loads(again.stdout)["created"]) == (0, False)
    other = onsale("sale", "create", "spring", "--capacity", "9")
    assert (other.returncode, "another definition" in other.stderr) == (1, True)


def test_a_sale_is_listed_and_shown(onsale: Onsale) -> None:
    sales = {each["saleId"]: each for each in json.loads(onsale("sale", "list", "--json").stdout)}
    assert sales["spring"]["confirmed"] == 2
    assert "spring" in onsale("sale", "list").stdout
    shown = onsale("sale", "show", "spring").stdout
    assert "2 sold, 0 held, 4 free of 6" in shown
    assert "봄" in shown


def test_a_shown_sale_draws_its_last_minutes(onsale: Onsale, eventually: Eventually) -> None:
    eventually(lambda: "2 in all, " in onsale("sale", "show", "spring").stdout)
    minutes = json.loads(onsale("sale", "show", "spring", "--json").stdout)["minutes"]
    assert sum(minute["confirmedUnits"] for minute in minutes) == 2


def test_a_sale_is_configured_paused_closed_and_opened_again(onsale: Onsale) -> None:
    changed = json.loads(onsale("sale", "configure", "spring", "--max-active", "7", "--json").stdout)
    assert (changed["changed"], changed["settings"]["maxActive"]) == (True, 7)
    assert json.loads(onsale("sale", "pause", "spring", "--json").stdout)["state"] == "PAUSED"
    assert json.loads(onsale("sale", "resume", "spring", "--json").stdout)["state"] == "OPEN"
    refused = onsale("sale", "close", "spring")
    assert (refused.returncode, "--yes" in refused.stderr) == (2, True)
    assert json.loads(onsale("sale", "close", "spring", "--dry-run", "--json").stdout)["state"] == "OPEN"
    assert json.loads(onsale("sale", "close", "spring", "--yes", "--json").stdout)["state"] == "CLOSED"
    assert json.loads(onsale("sale", "reopen", "spring", "--json").stdout)["state"] == "OPEN"


def test_seats_from_a_file_are_a_plan(onsale: Onsale, tmp_path: Path) -> None:
    plan = tmp_path / "hall.csv"
    plan.write_text("seat_id\nBalcony-1\nBalcony-2\n")
    done = onsale("sale", "create", "hall", "--seats", str(plan), "--json")
    assert (done.returncode, json.loads(done.stdout)["capacity"]) == (0, 2)
    plan.write_text("Balcony-2\nBalcony-3\n")
    more = onsale("sale", "configure", "hall", "--seats", str(plan), "--json")
    assert (more.returncode, json.loads(more.stdout)["capacity"]) == (0, 3)
    plan.write_text("Balcony-2\nBalcony-2\n")
    bad = onsale("sale", "create", "bad", "--seats", str(plan))
    assert (bad.returncode, "line 2" in bad.stderr) == (2, True)


def test_purchases_come_as_csv_and_json(onsale: Onsale) -> None:
    onsale("ledger", "spring", "--wait", "20")
    rows = list(csv.DictReader(io.StringIO(onsale("purchases", "spring").stdout)))
    assert [(row["userId"], row["status"]) for row in rows] == [("ann", "CONFIRMED"), ("bob", "CONFIRMED")]
    assert {each["userId"] for each in json.loads(onsale("purchases", "spring", "--format", "json").stdout)} == {
        "ann",
        "bob",
    }


def test_a_buyer_is_shown_cancelled_and_the_ledger_still_balances(onsale: Onsale) -> None:
    assert "CONFIRMED" in onsale("buyer", "show", "spring", "bob").stdout
    done = onsale("buyer", "cancel", "spring", "bob", "--yes", "--json")
    assert (done.returncode, json.loads(done.stdout)["changed"]) == (0, True)
    assert onsale("buyer", "cancel", "spring", "bob", "--yes").returncode == 1
    assert onsale("buyer", "erase", "spring", "bob", "--yes").returncode == 0
    assert onsale("ledger", "spring", "--wait", "20").returncode == 0


def test_nothing_is_left_to_migrate(onsale: Onsale) -> None:
    nothing = {"applied": [], "topics": {"created": [], "differing": []}, "dryRun": True}
    assert json.loads(onsale("migrate", "--dry-run", "--json").stdout) == nothing


def test_a_server_that_is_away_is_named_in_one_line(onsale: Onsale) -> None:
    done = onsale("--set", "MYSQL_URL=mysql://root@127.0.0.1:1/x", "purchases", "spring")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr

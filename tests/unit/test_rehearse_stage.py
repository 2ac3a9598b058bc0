"""The sale of a rehearsal is the plan's, and what could only fail at the end is looked at before."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chalicelib.errors import InvalidRequest
from ops.rehearse.plan import RehearsalPlan
from ops.rehearse.run import rehearse
from ops.rehearse.stage import _is_same, sale_of


@pytest.mark.parametrize(("stock", "rows"), [(100, 10), (20, 4), (97, 1), (1, 1)])
def test_seats_are_laid_out_in_rows_that_give_the_stock_exactly(stock: int, rows: int) -> None:
    sale = sale_of(RehearsalPlan(stock=stock, seated=True), "rehearsal-1")
    assert (sale["rows"], sale["rows"] * sale["seatsPerRow"]) == (rows, stock)
    assert "capacity" not in sale


def test_a_counted_sale_has_the_settings_of_the_plan() -> None:
    plan = RehearsalPlan(stock=5, pay=0.8, pay_s=2, hold_s=9, claim_s=8, active_s=7, max_active=6, admit_per_second=4)
    sale = sale_of(plan, "rehearsal-1")
    closes_at = datetime.fromisoformat(sale.pop("closesAt"))
    assert sale == {
        "saleId": "rehearsal-1",
        "name": "Rehearsal",
        "capacity": 5,
        "payment": "required",
        "holdSeconds": 9,
        "claimSeconds": 8,
        "activeSeconds": 7,
        "maxActive": 6,
        "admitPerSecond": 4,
    }
    assert closes_at > datetime.now(UTC) + timedelta(hours=1)  # by itself, should nobody be left to close it


def test_a_report_that_could_not_be_written_is_refused_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(InvalidRequest, match="--report"):
        rehearse(RehearsalPlan(report_dir=tmp_path / "file" / "report"))


def test_thresholds_that_cannot_be_read_are_refused_before_anything_starts(tmp_path: Path) -> None:
    (tmp_path / "rehearsal.toml").write_text("oversold_ticket = 0\n")
    with pytest.raises(InvalidRequest, match="--thresholds"):
        rehearse(RehearsalPlan(thresholds_file=tmp_path / "rehearsal.toml", report_dir=tmp_path))


@pytest.mark.parametrize(
    ("url", "is_same"),
    [
        ("http://127.0.0.1:8000", True),
        ("http://localhost:8000/", True),
        ("http://localhost:8001", False),
        ("https://tickets.example:8000", False),
    ],
)
def test_a_url_of_this_machine_is_the_running_stack_when_its_port_is(url: str, is_same: bool) -> None:
    assert _is_same(url, "http://127.0.0.1:8000") is is_same

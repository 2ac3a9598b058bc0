"""Thresholds come from the shipped file, a preset, the user's own file and the faults; a bad key is named."""

from dataclasses import fields
from pathlib import Path

import pytest

from ops.rehearse import thresholds
from ops.rehearse.fault_plan import Fault, FaultKind
from ops.rehearse.plan import RehearsalPlan
from ops.rehearse.thresholds import BadThresholds, Thresholds, load, thresholds_of

PROJECT = Path(__file__).resolve().parents[2]
SHIPPED = PROJECT / "rehearsal.toml"


def _file(folder: Path, text: str) -> Path:
    path = folder / "own.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_file_at_the_root_is_the_one_that_is_read() -> None:
    assert SHIPPED.read_text(encoding="utf-8") == (PROJECT / "ops/rehearse/rehearsal.toml").read_text(encoding="utf-8")


def test_nothing_may_be_sold_twice_or_lost_as_shipped() -> None:
    shipped = load()
    assert (shipped.oversold_tickets, shipped.lost_tickets, shipped.unserved_buyers) == (0, 0, 0)


def test_the_shipped_file_has_every_threshold_and_says_something_about_each() -> None:
    text = SHIPPED.read_text(encoding="utf-8")
    assert [each.name for each in fields(Thresholds) if f"\n{each.name} = " not in text] == []


def test_a_preset_has_its_own_values() -> None:
    assert load(preset="seats").sell_out_factor != load().sell_out_factor
    assert load(preset="seats").oversold_tickets == 0
    assert load(preset="unheard-of") == load()


def test_a_users_file_goes_before_the_shipped_one_and_its_presets(tmp_path: Path) -> None:
    own = _file(tmp_path, "sell_out_factor = 7\n[preset.concert]\nsell_out_factor = 8.5\n")
    assert load(own).sell_out_factor == 7
    assert load(own, preset="seats").sell_out_factor == 7
    assert load(own, preset="concert").sell_out_factor == 8.5
    assert load(own, preset="seats").status_p99_ms == load(preset="seats").status_p99_ms


def test_faults_only_ever_loosen(tmp_path: Path) -> None:
    own = _file(tmp_path, "error_share = 0.5\nenter_p99_ms = 'off'\n[fault.relay-kill]\nwrite_behind_p99_ms = 123456\n")
    loosened = load(own, faults=["redis-restart", "relay-kill"])
    assert loosened.error_share == 0.5
    assert loosened.enter_p99_ms is None
    assert loosened.write_behind_p99_ms == 123456
    assert loosened.reserve_p99_ms == load(faults=["redis-restart"]).reserve_p99_ms
    assert loosened.lost_tickets == 0


def test_a_plan_says_itself_what_it_is_held_against(tmp_path: Path) -> None:
    own = _file(tmp_path, "cancel_p99_ms = 1\n")
    plan = RehearsalPlan(name="seats", thresholds_file=own, faults=(Fault(FaultKind.KAFKA_STOP, 1.0, 2.0),))
    assert thresholds_of(plan) == load(own, preset="seats", faults=["kafka-stop"])


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("enter_p99 = 1", "enter_p99 is not a threshold"),
        ("enter_p99_ms = 'fast'", "enter_p99_ms must be a number of at least 0 or \"off\", not 'fast'"),
        ("enter_p99_ms = -1", "enter_p99_ms must be a number of at least 0"),
        ("enter_p99_ms = true", "enter_p99_ms must be a number"),
        ("enter_p99_ms = nan", "enter_p99_ms must be a number"),
        ("error_share = inf", "error_share must be a number"),
        ("lost_tickets = 'off'", "lost_tickets must be a whole number of at least 0, not 'off'"),
        ("oversold_tickets = 0.5", "oversold_tickets must be a whole number"),
        ("soak_descriptors = 1.5", "soak_descriptors must be a whole number"),
        ("[preset.seats]\nspeed = 1", "preset.seats.speed is not a threshold"),
        ("[preset]\nseats = 1", "preset.seats must be a table"),
        ("preset = 1", "preset must be a table"),
        ("[preset.seatz]\nerror_share = 1", "preset.seatz is no preset: those are concert"),
        ("[fault.kafka-stpo]\nerror_share = 1", "fault.kafka-stpo is no fault: those are kafka-stop"),
        ("enter_p99_ms = ", "own.toml"),
    ],
)
def test_a_bad_file_is_refused_by_the_name_of_its_key(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(BadThresholds) as caught:
        load(_file(tmp_path, text))
    assert named in str(caught.value)


def test_every_bad_key_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadThresholds, match=r"speed is not a threshold; lost_tickets must be"):
        load(_file(tmp_path, "speed = 1\nlost_tickets = -1\n"))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadThresholds, match=r"missing\.toml"):
        load(tmp_path / "missing.toml")


def test_a_file_that_is_no_text_is_named(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(BadThresholds, match=r"own\.toml"):
        load(path)


def test_an_endpoint_without_a_threshold_has_no_limit() -> None:
    assert load().p99_ms("contact") is None
    assert set(thresholds.ENDPOINTS) == {
        e.name.removesuffix("_p99_ms")
        for e in fields(Thresholds)
        if e.name.endswith("_p99_ms") and e.name != "write_behind_p99_ms"
    }

"""Plans, faults, durations and presets of a rehearsal: what is accepted, and how a mistake is named."""

import json
from pathlib import Path
from typing import Any

import pytest

from chalicelib.errors import InvalidRequest
from ops.rehearse.duration import duration_s
from ops.rehearse.fault_plan import Fault, FaultKind
from ops.rehearse.generator.orders import Orders
from ops.rehearse.plan import Raise, RehearsalPlan, is_loopback, option_of
from ops.rehearse.presets import PRESETS


@pytest.mark.parametrize(
    ("text", "seconds"), [("10s", 10), ("500ms", 0.5), ("1.5m", 90), ("2h", 7200), ("7", 7), (" 3 s ", 3)]
)
def test_a_duration_is_a_number_with_its_unit(text: str, seconds: float) -> None:
    assert duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["", "s", "-1s", "1d", "1e3s", "nan", "ten", "1s2s"])
def test_anything_else_is_no_duration(text: str) -> None:
    with pytest.raises(ValueError, match="must be a duration such as 10s"):
        duration_s(text)


def test_a_fault_says_what_when_and_for_how_long() -> None:
    assert Fault.parse("kafka-stop@10s+5s") == Fault(FaultKind.KAFKA_STOP, 10, 5)
    assert Fault.parse("gateway-kill@1m") == Fault(FaultKind.GATEWAY_KILL, 60, 0)
    assert str(Fault.parse("mysql-stop@500ms+1.5s")) == "mysql-stop@0.5s+1.5s"


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("kafka-stop", "must look like kafka-stop@10s\\+5s"),
        ("disk-full@1s+1s", "disk-full is none of kafka-stop, mysql-stop"),
        ("mysql-stop@10s", "does not say for how long"),
        ("relay-kill@soon", "must be a duration"),
        ("relay-kill@1s+ever", "must be a duration"),
    ],
)
def test_a_fault_that_makes_no_sense_is_told(spec: str, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        Fault.parse(spec)


def test_every_mistake_of_a_plan_is_named_by_its_option() -> None:
    with pytest.raises(InvalidRequest) as raised:
        RehearsalPlan(
            buyers=0, pay=1.5, pay_s=40, poll="often", rate=3, processes=5, in_flight=4, raise_max_active=Raise(1.5, 0)
        )

    told = raised.value.detail
    for option in ("--buyers", "--pay:", "--hold-seconds", "--poll", "--rate", "--processes", "--raise-max-active"):
        assert option in told, option


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"url": "tickets.example"}, "--url: must be http"),
        ({"url": "ftp://tickets.example"}, "--url: must be http"),
        ({"target": "stack:test"}, "--target: needs the --url"),
        ({"url": "https://tickets.example", "faults": (Fault.parse("relay-kill@1s"),)}, "--fault: only on a local"),
        ({"web_port": 8089, "processes": 2}, "--web: shows one process"),
        ({"arrive_s": float("nan")}, "--arrive: must be"),
        ({"duration_s": 0.0}, "--duration: must be"),
    ],
)
def test_a_plan_that_cannot_be_carried_out_is_refused(fields: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidRequest, match=told):
        RehearsalPlan(**fields)


def test_loopback_is_told_by_the_host_alone() -> None:
    assert is_loopback("http://127.0.0.1:8000")
    assert is_loopback("http://localhost/x")
    assert is_loopback("http://[::1]:1")
    assert not is_loopback("https://tickets.example")
    assert not is_loopback("http://localhost.example")
    assert RehearsalPlan().is_local
    assert not RehearsalPlan(url="https://10.0.0.1").is_local


def test_a_sale_where_everybody_pays_at_once_needs_no_payment() -> None:
    assert RehearsalPlan().payment == "none"
    assert RehearsalPlan(pay=0.9).payment == RehearsalPlan(pay_s=1).payment == "required"


def test_the_rate_of_a_soak_leaves_stock_and_buyers_over() -> None:
    assert RehearsalPlan(duration_s=60, rate=7).soak_rate == 7
    assert RehearsalPlan(duration_s=60, stock=80, buyers=10_000).soak_rate == 10
    assert RehearsalPlan(duration_s=60, stock=10_000, buyers=10_000).soak_rate == 50


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_a_plan_and_goes_into_a_report(name: str) -> None:
    plan = RehearsalPlan(**PRESETS[name], name=name)

    assert json.loads(json.dumps(plan.document()))["name"] == name


def test_the_named_presets_are_those_promised() -> None:
    concert, seats = RehearsalPlan(**PRESETS["concert"]), RehearsalPlan(**PRESETS["seats"])

    assert (concert.buyers, concert.stock, concert.in_flight, concert.arrive_s) == (50_000, 1_000, 300, 10)
    assert (seats.buyers, seats.stock, seats.seated, seats.pay, seats.pay_s) == (1_000, 100, True, 0.8, 10)
    assert (seats.max_active, seats.raise_max_active) == (100, (0.5, 200))
    assert seats.hold_s > seats.pay_s, "or nobody could pay"


def test_a_plan_is_reported_with_units_in_its_names() -> None:
    document = RehearsalPlan(raise_max_active=Raise(0.5, 200), faults=(Fault.parse("relay-kill@1s"),)).document()

    assert document["arriveSeconds"] == 10
    assert document["raiseMaxActive"] == {"soldShare": 0.5, "maxActive": 200}
    assert document["faults"] == ["relay-kill@1s"]
    assert document["reportDir"] == "report"


def test_options_are_spelled_as_the_command_has_them() -> None:
    spelled = {"pay_s": "--pay-seconds", "arrive_s": "--arrive", "in_flight": "--in-flight", "seated": "--seats"}

    assert {field: option_of(field) for field in spelled} == spelled


def test_orders_reach_a_process_as_they_were_given(tmp_path: Path) -> None:
    plan = RehearsalPlan(buyers=7, seated=True, pay=0.5, pay_s=1, faults=(Fault.parse("kafka-stop@1s+2s"),))
    orders = Orders(plan, "http://127.0.0.1:1", "spring", 2, 3, 10, tmp_path / "records", tokens=tmp_path / "tokens")

    orders.write(tmp_path / "orders")

    assert Orders.read(tmp_path / "orders") == orders

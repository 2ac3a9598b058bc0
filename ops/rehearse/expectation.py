"""How long a sale should take to sell out, from what its plan allows; rehearsal.toml states the formula in words."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.rehearse.record import Rehearsal
from ops.rehearse.thresholds import Thresholds


@dataclass(frozen=True, slots=True)
class Expected:
    """The expectation, what is allowed, and how it came about, for a person."""

    seconds: float
    at_most: float
    detail: str


def sell_out(rehearsal: Rehearsal, thresholds: Thresholds) -> Expected | None:
    """Return when it should have sold out. None: it need not (a soak, too few buyers), or nobody wants to know."""
    plan, factor = rehearsal.plan, thresholds.sell_out_factor
    share = (1 - plan["abandon"]) * plan["pay"]
    if factor is None or plan["durationSeconds"] is not None or share <= 0 or plan["stock"] / share > plan["buyers"]:
        return None
    admitted = plan["stock"] / share
    rate = _rate(plan, thresholds)
    lapse_s = max(plan["holdSeconds"] if plan["pay"] < 1 else 0.0, plan["claimSeconds"] if plan["abandon"] > 0 else 0.0)
    rounds = max(1, math.ceil(math.log(plan["stock"]) / -math.log(1 - share))) if share < 1 else 0
    expected_s = admitted / rate + plan["paySeconds"] + rounds * lapse_s
    detail = f"{expected_s:,.1f} s expected: {math.ceil(admitted):,} admitted at {rate:,.0f} a second"
    detail += f", {plan['paySeconds']:g} s to pay" if plan["paySeconds"] else ""
    detail += f", {rounds} times {lapse_s:g} s for what lapses" if rounds else ""
    return Expected(expected_s, expected_s * factor + thresholds.sell_out_slack_s + fault_seconds(rehearsal), detail)


def fault_seconds(rehearsal: Rehearsal) -> float:
    """Return how long something was away, overlaps once: what waits for it may wait so much longer."""
    total, until = 0.0, 0.0
    for begin, end in sorted((e.from_second, e.to_second) for e in rehearsal.faults if e.to_second is not None):
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total


def _rate(plan: Mapping[str, Any], thresholds: Thresholds) -> float:
    """Return the most admissions a second that the plan allows."""
    turn_s = thresholds.sell_out_turn_s + plan["abandon"] * plan["claimSeconds"]
    raised = plan["raiseMaxActive"]
    places = min(plan["maxActive"], raised["maxActive"]) if raised else plan["maxActive"]
    limits = [
        plan["admitPerSecond"] or math.inf,  # 0 is unlimited
        places / turn_s if turn_s else math.inf,
        plan["buyers"] / plan["arriveSeconds"] if plan["arriveSeconds"] else math.inf,
    ]
    return min(limits)

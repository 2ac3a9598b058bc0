"""Rehearsals that have a name, as options of a plan."""

from collections.abc import Mapping
from typing import Any

from ops.rehearse.plan import Raise

PRESETS: Mapping[str, Mapping[str, Any]] = {
    # 50,000 for 1,000: everybody within ten seconds, sold without payment. Needs more than two cores.
    "concert": {
        "buyers": 50_000,
        "stock": 1_000,
        "arrive_s": 10.0,
        "in_flight": 300,
        "max_active": 300,
        "admit_per_second": 100.0,
    },
    # Seats that are paid for late, and holds that lapse as a fifth walk away; the line is let in faster halfway.
    "seats": {
        "buyers": 1_000,
        "stock": 100,
        "seated": True,
        "arrive_s": 10.0,
        "in_flight": 100,
        "pay": 0.8,
        "pay_s": 10.0,
        "hold_s": 20.0,
        "claim_s": 15.0,
        "max_active": 100,
        "raise_max_active": Raise(0.5, 200),
        "admit_per_second": 50.0,
    },
    # Ten minutes of buying and cancelling.
    "soak": {
        "buyers": 1_000,
        "stock": 500,
        "duration_s": 600.0,
        "in_flight": 50,
        "max_active": 200,
        "admit_per_second": 0.0,
    },
}

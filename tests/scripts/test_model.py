"""The scripts and the model do the same, whatever buyers, operators and time do; the sums hold after each step.

ONSALE_MODEL_EXAMPLES in the environment makes it look longer.
"""

import os
from functools import partial
from itertools import product
from typing import cast

from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.scripts.histories import Histories, told
from tests.scripts.sales import Sales

# What the histories have to come by, or they prove nothing: method of the store, answer.
REACHED = {
    *(("enter_queue", each) for each in ("ACTIVE", "WAITING", "CONFIRMED", "sale-closed", "sold-out")),
    *(("queue_status", each) for each in ("ACTIVE", "CONFIRMED", "LAPSED", "not-in-sale")),
    *(("reserve", each) for each in ("HELD", "CONFIRMED", "already-reserved", "over-limit", "not-active")),
    *(("reserve", each) for each in ("sold-out", "not-enough-left", "seat-taken")),
    *(("confirm", each) for each in ("CONFIRMED", "hold-expired", "already-paid", "reservation-ended", "payment-used")),
    *(("cancel", each) for each in ("CANCELLED", "EXPIRED")),
}


def test_scripts_and_model_agree_on_every_history(sales: Sales) -> None:
    told.clear()
    for seated, payment in product([True, False], ["required", "none"]):
        run_state_machine_as_test(
            cast(type[Histories], partial(Histories, sales, seated, payment)),  # any factory will do
            settings=settings(
                max_examples=int(os.environ.get("ONSALE_MODEL_EXAMPLES", "45")),
                stateful_step_count=40,
                derandomize=True,
                database=None,
                deadline=None,
                suppress_health_check=list(HealthCheck),
            ),
        )
    assert told >= REACHED

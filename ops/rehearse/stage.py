"""Where a rehearsal happens: the running stack of `onsale up`, a private one where none runs, or a deployed stage.

Brings a sale of its own onto it and puts that away again; a stack that was running before is left as it was.
"""

import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from math import isqrt
from typing import Any
from urllib.parse import urlsplit

from chalicelib.config import settings
from chalicelib.errors import OnsaleError
from ops import environment
from ops.console import say
from ops.local.home import Home
from ops.local.ports import HOST
from ops.local.shutdown import undisturbed
from ops.local.stack import Stack, private_stack
from ops.local.topology import EVERYTHING, SETTINGS
from ops.operation import operate
from ops.rehearse import faults
from ops.rehearse.plan import RehearsalPlan, is_loopback
from ops.rehearse.sampler import ExporterEye, Eye, PublicEye

_NODES = tuple(name for name in EVERYTHING if name != "sale")  # the rehearsal brings its own
_VISIBLE_WITHIN_S = 5.0
_PUT_AWAY_WITHIN_S = 10.0
_CLOSES_AFTER = timedelta(hours=12)  # should nobody be left to close it


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the buyers go, and what there is to look at and to take away. `stack` None: deployed."""

    url: str
    stack: Stack | None = None
    is_private: bool = False
    env: Mapping[str, str] = field(default_factory=dict)  # of the local stack

    @property
    def metrics_url(self) -> str | None:
        """Return where the exporter is; None where there is none."""
        port = self.stack.home.read_state().ports.get("metrics") if self.stack else None
        return f"http://{HOST}:{port}/metrics" if port else None

    def eye(self, sale_id: str) -> Eye:
        """Return what looks at a sale here."""
        return ExporterEye(self.metrics_url, sale_id) if self.metrics_url else PublicEye(self.url, sale_id)


@contextmanager
def stage(plan: RehearsalPlan) -> Iterator[Stage]:
    """Set the stage; what was started for it is gone afterwards. Raises InvalidRequest, OnsaleError, StartFailed."""
    running = _running_stack() if plan.target is None else None
    if plan.url is not None and not (running and _is_same(plan.url, running.env.get("ONSALE_URL", ""))):
        faults.check(plan.faults, None)
        yield Stage(plan.url)
        return
    if running is not None:
        conditions = {each.name: each.condition for each in running.status()}
        faults.check(plan.faults, conditions)
        if away := [name for name, condition in conditions.items() if condition == "stopped"]:
            detail = f"{', '.join(away)} of the stack in {running.home.path} does not run: `onsale up` brings it back"
            raise OnsaleError("stack-incomplete", detail)
        say(f"  on the running stack of {running.home.path}")
        environment.point_at(running.env)
        yield Stage(running.env["ONSALE_URL"], running, env=running.env)
        return
    with _private(plan) as private:
        yield private


def _is_same(url: str, local: str) -> bool:
    """Say whether both are one place of this machine, however its loopback is spelled."""
    one, other = urlsplit(url), urlsplit(local)
    places = {(each.port, each.path.rstrip("/")) for each in (one, other)}
    return is_loopback(url) and is_loopback(local) and len(places) == 1


def _running_stack() -> Stack | None:
    """Return the stack that `onsale up` has left running in ONSALE_HOME, with its settings, not the shell's."""
    home = Home.of(settings().home)
    shell = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    stack = Stack(home, environment=shell, announce=_say)
    return stack if any(each.pid for each in stack.status()) else None


@contextmanager
def _private(plan: RehearsalPlan) -> Iterator[Stage]:
    say("  no stack is running: starting a private one, which is gone afterwards")
    began_s = time.monotonic()
    with private_stack(only=_NODES, announce=_say) as stack:
        say(f"  up after {time.monotonic() - began_s:.1f} s at {stack.env['ONSALE_URL']}")
        faults.check(plan.faults, {each.name: each.condition for each in stack.status()})
        environment.point_at(stack.env)
        try:
            yield Stage(stack.env["ONSALE_URL"], stack, is_private=True, env=stack.env)
        except Exception:
            if kept := stack.home.saved_logs("rehearsal"):
                say(f"the logs are in {kept}")
            raise


def _say(line: str) -> None:
    say(f"  {line}")


def sale_of(plan: RehearsalPlan, sale_id: str) -> dict[str, Any]:
    """Return the arguments that create the sale of a plan."""
    rows = next(rows for rows in range(isqrt(plan.stock), 0, -1) if plan.stock % rows == 0)
    stock = {"rows": rows, "seatsPerRow": plan.stock // rows} if plan.seated else {"capacity": plan.stock}
    closes_at = datetime.now(UTC) + timedelta(seconds=plan.duration_s or 0) + _CLOSES_AFTER
    return {
        "saleId": sale_id,
        "name": f"Rehearsal {plan.name}".strip(),
        **stock,
        "payment": plan.payment,
        "holdSeconds": plan.hold_s,
        "claimSeconds": plan.claim_s,
        "activeSeconds": plan.active_s,
        "maxActive": plan.max_active,
        "admitPerSecond": plan.admit_per_second,
        "closesAt": closes_at.isoformat(timespec="seconds").replace("+00:00", "Z"),
    }


@contextmanager
def own_sale(plan: RehearsalPlan, place: Stage) -> Iterator[str]:
    """Create the sale, and close it and put it away at the end. Yields its id when buyers can see it."""
    sale_id = f"rehearsal-{datetime.now(UTC):%Y%m%d-%H%M%S}-{os.getpid() % 1000:03}"
    operate("sale.create", **sale_of(plan, sale_id))
    try:
        _wait_until_visible(PublicEye(place.url, sale_id), place.url, sale_id)
        yield sale_id
    finally:
        if not place.is_private:  # a private one is about to be gone
            _put_away(sale_id)


def _wait_until_visible(look: Callable[[], object], url: str, sale_id: str) -> None:
    deadline_s = time.monotonic() + _VISIBLE_WITHIN_S
    while True:
        try:
            look()
            return
        except OSError as error:
            if time.monotonic() > deadline_s:
                detail = f"{sale_id} was created, but is not to be seen at {url}: {error}"
                raise OnsaleError("sale-not-there", detail) from error
        time.sleep(0.1)


def _put_away(sale_id: str) -> None:
    """Close the sale, and archive it if it can be: not while somebody holds a ticket that may still be paid."""
    try:
        with undisturbed():
            operate("sale.close", saleId=sale_id)
            operate("ledger", saleId=sale_id, waitSeconds=_PUT_AWAY_WITHIN_S)  # that it is closed must arrive, too
            operate("sale.archive", saleId=sale_id)
    except OnsaleError as error:
        say(f"  {sale_id} stays: {error.detail}; later: onsale sale close {sale_id}, onsale sale archive {sale_id}")

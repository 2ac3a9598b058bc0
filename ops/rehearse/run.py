"""A rehearsal from start to end: stage, sale, crowd, faults, then the ledger, the verdict and the report.

`rehearse` is what a command calls. Ctrl-C, or any failure, stops the crowd first, brings back what a fault has taken,
closes the sale and takes down what was started; no verdict is given then and no report written.
"""

import math
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from chalicelib.errors import FieldError, InvalidRequest, OnsaleError
from ops.console import say
from ops.local.shutdown import undisturbed
from ops.operation import operate
from ops.rehearse import evidence, report_files
from ops.rehearse.composition import Run, compose
from ops.rehearse.faults import Faults
from ops.rehearse.generator import Generator
from ops.rehearse.generator.tokens import token_of
from ops.rehearse.machine import machine
from ops.rehearse.plan import RehearsalPlan
from ops.rehearse.progress import Progress, moment
from ops.rehearse.record import Rehearsal, Spread
from ops.rehearse.sampler import ExporterEye, Look, Sampler
from ops.rehearse.stage import Stage, own_sale, stage
from ops.rehearse.thresholds import BadThresholds, thresholds_of
from ops.rehearse.verdict import judged

_FINISH_S = 60.0  # from the time when everything should be over, until the crowd is sent home
_LOG_LINES = 5
_TICK_S = 1.0
_TICK_AT_S = 0.5  # of each second: then the crowd has told of the one before, and the stack was looked at


def rehearse(plan: RehearsalPlan, command: str = "") -> Rehearsal:
    """Carry a plan out and return its record with the verdict; the report is in `plan.report_dir` then.

    `command` is what repeats it. Raises InvalidRequest, OnsaleError or StartFailed where it could not be carried out.
    """
    try:
        thresholds = thresholds_of(plan)
    except BadThresholds as error:
        raise InvalidRequest([FieldError("--thresholds", str(error))]) from error
    try:
        report_files.prepare(plan.report_dir)
    except OSError as error:
        raise InvalidRequest([FieldError("--report", f"cannot be written: {error}")]) from error
    with stage(plan) as place:
        rehearsal = judged(_on(place, plan, command), thresholds)
    try:
        report_files.write(rehearsal, plan.report_dir)
    except OSError as error:
        say(f"the report cannot be written: {error}")
    return rehearsal


def _on(place: Stage, plan: RehearsalPlan, command: str) -> Rehearsal:
    progress = Progress(plan.buyers, plan.stock)
    minted = None if plan.tokens_file else token_of(place.env or os.environ)
    with own_sale(plan, place) as sale_id, tempfile.TemporaryDirectory(prefix="onsale-crowd-") as folder:
        say(f"  the sale is {sale_id} at {place.url}")
        here = machine(place.env)  # before the crowd keeps it busy
        sampler = Sampler(eye := place.eye(sale_id))
        with Generator(plan, place.url, sale_id, Path(folder), minted) as crowd:
            opened_s = crowd.start()
            opened_at_s = time.time() - (time.monotonic() - opened_s)
            with _looking(sampler, opened_s), _failing(plan, place, crowd, opened_s) as faults:
                with progress.running():
                    _watch(plan, sale_id, crowd, sampler, faults, progress, opened_s)
                generated = crowd.finish(_FINISH_S)
                if not generated.is_complete:
                    _tell_logs(Path(folder))
                happened = faults.end()
                took_s = time.monotonic() - opened_s
                say("  the crowd has gone home; waiting for the ledger")
                found = evidence.gather(sale_id)
        run = Run(
            plan=plan,
            url=place.url,
            sale_id=sale_id,
            opened_at_s=opened_at_s,
            took_s=took_s,
            generated=generated,
            evidence=found,
            faults=happened,
            write_behind_ms=eye.write_behind_ms() if isinstance(eye, ExporterEye) else Spread(),
        )
        return compose(run, sampler, here, command)


def _tell_logs(folder: Path) -> None:
    """Say how a process of the crowd ended that did not end well; its folder is gone afterwards."""
    for log in sorted(folder.glob("*.log")):
        for line in log.read_text(errors="replace").splitlines()[-_LOG_LINES:]:
            say(f"  {log.stem}: {line}")


@contextmanager
def _looking(sampler: Sampler, opened_s: float) -> Iterator[None]:
    sampler.begin(opened_s)
    try:
        yield
    finally:
        with undisturbed():
            sampler.end()


@contextmanager
def _failing(plan: RehearsalPlan, place: Stage, crowd: Generator, opened_s: float) -> Iterator[Faults]:
    """Let faults come while the block runs. Should it fail, the crowd stops first, then all that is away comes back."""
    faults = Faults(plan.faults, place.stack)
    faults.begin(opened_s)
    try:
        yield faults
    except BaseException:
        with undisturbed():
            crowd.stop()
            faults.end(restore=not place.is_private)
        raise


def _watch(
    plan: RehearsalPlan,
    sale_id: str,
    crowd: Generator,
    sampler: Sampler,
    faults: Faults,
    progress: Progress,
    opened_s: float,
) -> None:
    """Show each second, raise `max_active` when it is time, and return when crowd and faults are done."""
    patience_s = _patience_s(plan)
    is_raised, arrived = plan.raise_max_active is None, 0
    while crowd.is_running or faults.under_way:
        elapsed_s = time.monotonic() - opened_s
        if elapsed_s > patience_s:
            say(f"  not everybody has an end after {patience_s:,.0f} s: they are sent home now")
            crowd.stop()
            return
        time.sleep(_TICK_S - (elapsed_s - _TICK_AT_S) % _TICK_S)
        seconds, look = crowd.lines(), sampler.latest
        arrived += sum(each.moves["arrived"] for each in seconds)
        if (second := math.floor(time.monotonic() - opened_s)) >= 0:  # the doors open a moment after `start`
            progress.show(moment(second, arrived, seconds, look, faults.under_way))
        if not is_raised and _is_time_to_raise(plan, look):
            is_raised = _raise(plan, sale_id)


def _patience_s(plan: RehearsalPlan) -> float:
    """Return after what time something is wrong: far beyond what the slowest sale of such a plan takes."""
    faults_s = max((each.at_s + each.for_s for each in plan.faults), default=0.0)
    line_s = plan.buyers / plan.admit_per_second if plan.admit_per_second else 0.0
    return (plan.duration_s or plan.arrive_s) + faults_s + 2 * line_s + 20 * (plan.hold_s + plan.claim_s) + 120.0


def _is_time_to_raise(plan: RehearsalPlan, look: Look) -> bool:
    raising, sold = plan.raise_max_active, look.figures.get("confirmed")
    return raising is not None and sold is not None and sold >= raising.sold_share * plan.stock


def _raise(plan: RehearsalPlan, sale_id: str) -> bool:
    """Raise max_active; False where it must be tried again."""
    if plan.raise_max_active is None:
        return True
    most = plan.raise_max_active.max_active
    try:
        operate("sale.configure", saleId=sale_id, maxActive=most)
    except OnsaleError as error:
        say(f"  max active could not be raised yet: {error.detail}")
        return False
    say(f"  max active is {most:,} from now on")
    return True

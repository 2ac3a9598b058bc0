"""`onsale rehearse`: a crowd comes to a sale of its own; the answer is GO, NO-GO, or INVALID."""

import shlex
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from ops.commands.options import json_option, yes_option
from ops.console import ask, print_json, say, show
from ops.operation import LOCAL, choose
from ops.rehearse.duration import duration_s
from ops.rehearse.fault_plan import Fault, FaultKind
from ops.rehearse.plan import POLLS, Raise, RehearsalPlan, option_of
from ops.rehearse.presets import PRESETS

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_FOLDER = click.Path(file_okay=False, path_type=Path)
_NO_REPEAT = ("as_json", "yes")


class _Read(click.ParamType[Any]):
    """A text that a function reads; what it raises as ValueError is a usage error."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name, self._read = name, read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read a text; what is read already stays."""
        if not isinstance(value, str):
            return value
        try:
            return self._read(value)
        except ValueError as error:
            return self.fail(str(error), param, ctx)


def _raise_of(text: str) -> Raise:
    share, _, value = text.partition(":")
    try:
        return Raise(float(share), int(value))
    except ValueError:
        raise ValueError(f"must be SHARE:N, such as 0.5:200, not {text!r}") from None


def _target(_: click.Context, __: click.Parameter, target: str) -> str | None:
    try:
        choose(target)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    return None if target == LOCAL else target


_DURATION, _FAULT, _RAISE = _Read("duration", duration_s), _Read("fault", Fault.parse), _Read("raise", _raise_of)

# (option, type, metavar, help); the name is that of the plan's field. What is not given is the preset's, or the plan's.
_OF_PLAN: tuple[tuple[str, Any, str | None, str], ...] = (
    ("buyers", int, "N", "How many come."),
    ("stock", int, "N", "How many tickets there are."),
    ("arrive_s", _DURATION, "10s", "All come within it, evenly; 0s: at once."),
    ("in_flight", int, "N", "Requests under way at a time, at most."),
    ("pay", float, "SHARE", "Who pay for what they hold, 0 to 1; the others walk away."),
    ("pay_s", float, "S", "How long after reserving they pay."),
    ("abandon", float, "SHARE", "Who go away while they wait, 0 to 1."),
    ("poll", click.Choice(POLLS), None, "What those who wait ask for: their status, or the cacheable page."),
    ("duration_s", _DURATION, "10m", "A soak: buy and cancel for so long."),
    ("rate", float, "N", "Visits a second of a soak."),
    ("max_active", int, "N", "Buyers who may be choosing at the same time."),
    ("raise_max_active", _RAISE, "SHARE:N", "Raise it when this share is sold: 0.5:200."),
    ("admit_per_second", float, "N", "Admissions a second; 0 = unlimited."),
    ("hold_s", float, "S", "How long a reservation waits for payment."),
    ("claim_s", float, "S", "How long an admitted buyer has to show up."),
    ("active_s", float, "S", "How long an admitted buyer may choose."),
    ("processes", int, "N", "Processes of the generator (as many as useful)."),
    ("url", str, "URL", "A deployed API; else the local stack."),
    ("tokens_file", _FILE, "FILE", "A bearer token a line, where an issuer elsewhere signs them."),
    ("thresholds_file", _FILE, "FILE", "What GO means, over the shipped rehearsal.toml."),
    ("report_dir", _FOLDER, "FOLDER", "Where report.html and report.json go (report)."),
    ("web_port", int, "PORT", "Locust's own page on 127.0.0.1, with one process."),
)


def _plan_options(command: Callable[..., Any]) -> Callable[..., Any]:
    for name, kind, metavar, meaning in reversed(_OF_PLAN):
        command = click.option(option_of(name), name, type=kind, metavar=metavar, help=meaning)(command)
    return command


@click.command(short_help="Send a crowd to a sale of its own: GO, NO-GO or INVALID.")
@click.option("--preset", type=click.Choice(list(PRESETS)), help="Options by name; others override them.")
@click.option("--seats/--no-seats", "seated", default=None, help="Seats to choose from, or a count.")
@_plan_options
@click.option(
    "--fault",
    "faults",
    type=_FAULT,
    multiple=True,
    metavar="SPEC",
    help=f"Of the local stack: {', '.join(FaultKind)}; kafka-stop@10s+5s is at 10 s, for 5 s.",
)
@click.option(
    "--target",
    metavar="TARGET",
    envvar="ONSALE_TARGET",
    default=LOCAL,
    callback=_target,
    help="Where the sale of a deployed URL is created: stack:NAME or a function's ARN.",
)
@yes_option
@json_option
def rehearse(*, yes: bool, as_json: bool, **given: Any) -> int:
    """Send a crowd to a sale of its own, and say whether the sale may go ahead.

    Uses the stack that `onsale up` has started, or a private one. Ends GO, or NO-GO when a threshold is broken, or
    INVALID when the generator was the bottleneck (its CPU, its schedule, its connections), and writes report.html and
    report.json. Off loopback it asks first and names the host; buyers of a deployed API need a URL, its --target, and
    a RATE_LIMIT that lets one address send so much. Exit: 0 GO, 3 NO-GO, 4 INVALID.

    \b
    onsale rehearse --preset seats
    onsale rehearse --preset concert --stock 2000 --poll sale
    onsale rehearse --buyers 5000 --stock 500 --seats --pay 0.8 --pay-seconds 5 --fault kafka-stop@10s+5s
    onsale rehearse --duration 10m --rate 20 --report soak
    onsale rehearse --preset seats --url https://tickets.example --target stack:onsale-test --yes
    """
    from ops.local.program import StartFailed
    from ops.rehearse.report_files import HTML
    from ops.rehearse.run import rehearse as carry_out
    from ops.rehearse.summary import summary

    plan = plan_of(given)
    if not plan.is_local:
        host = urlsplit(plan.url or "").hostname
        ask(f"Send {plan.buyers:,} buyers to {host}, {plan.in_flight:,} requests at a time?", yes=yes)
    if plan.web_port is not None:
        say(f"  Locust's page, while the crowd is there: http://127.0.0.1:{plan.web_port}")
    with _ended_by_sigterm():
        try:
            rehearsal = carry_out(plan, command_line())
        except StartFailed as error:
            if error.log_tail:
                say(error.log_tail)
            raise click.ClickException(str(error)) from error
    if as_json:
        print_json(rehearsal.document())
    else:
        show(summary(rehearsal, plan.report_dir / HTML))
    return rehearsal.exit_code


def plan_of(given: dict[str, Any]) -> RehearsalPlan:
    """Return the plan of the options that were given, over their preset. Raises InvalidRequest naming options."""
    preset = given.pop("preset", None)
    own = {name: value for name, value in given.items() if value is not None}
    return RehearsalPlan(**{**PRESETS.get(preset or "", {}), **own, "name": preset or ""})


def command_line() -> str:
    """Return the command that repeats this one, as a shell takes it."""
    context = click.get_current_context()
    words = ["onsale", "rehearse"]
    for parameter in context.command.params:
        name = parameter.name or ""
        if context.get_parameter_source(name) is not click.core.ParameterSource.COMMANDLINE or name in _NO_REPEAT:
            continue
        value = context.params[name]
        if value is None:
            continue
        if isinstance(value, bool):
            words.append(parameter.opts[0] if value else parameter.secondary_opts[0])
            continue
        for each in value if name == "faults" else [value]:
            words += [parameter.opts[0], _spelled(name, each)]
    return shlex.join(words)


def _spelled(name: str, value: object) -> str:
    if isinstance(value, Raise):
        return f"{value.sold_share:g}:{value.max_active}"
    if isinstance(value, float):
        return f"{value:g}s" if name in ("arrive_s", "duration_s") else f"{value:g}"
    return str(value)


@contextmanager
def _ended_by_sigterm() -> Iterator[None]:
    """Make SIGTERM end the rehearsal as Ctrl-C does: in order, leaving nothing behind."""

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)

"""The commands `onsale up`, `down` and `status`: what they ask, print and answer. What happens is `stack`'s matter."""

import signal
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from chalicelib.config import settings
from ops.console import ask, print_json, say, show, table
from ops.local.modes import MODES

if TYPE_CHECKING:
    from ops.local.stack import ProcessInfo, Stack

_JSON = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


def _stack(functions: str | None = None, observe: bool | None = None) -> "Stack":
    from ops.local.home import Home
    from ops.local.stack import Stack

    return Stack(Home.of(settings().home), functions=functions, observe=observe, announce=say)


def _print(processes: Sequence["ProcessInfo"], *, as_json: bool) -> None:
    if as_json:
        print_json([asdict(each) for each in processes])
        return
    head = ("name", "condition", "healthy", "pid", "port", "log")
    rows = [
        (each.name, each.condition, each.healthy, str(each.pid or ""), str(each.port or ""), each.log)
        for each in processes
    ]
    show(table(rows, head))


@click.command(short_help="Start everything on this machine.")
@click.option(
    "--functions",
    type=click.Choice(MODES),
    help="Where functions run: in processes of their own (local, the default), or packaged and deployed to MiniStack, "
    "behind its API Gateway. Remembered.",
)
@click.option(
    "--observe/--no-observe",
    default=None,
    help="Whether Prometheus runs too, with the alert rules of infra/prometheus. Remembered.",
)
@_JSON
def up(functions: str | None, observe: bool | None, as_json: bool) -> int:
    """Start what is missing of the local stack, and say what runs.

    \b
    onsale up
    onsale up --functions emulator                as deployed: authorizer, schedules, roles and zips
    onsale up --observe                           with Prometheus, which asks it every two seconds
    ONSALE_PORT=9000 onsale up                    the gateway on another port
    REDIS_URL=redis://db.example:6379 onsale up   with a Redis of your own
    """
    from ops.local.program import StartFailed

    stack = _stack(functions, observe)
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, _interrupt)
    try:
        processes = stack.up()
    except StartFailed as error:
        if error.log_tail:
            say(click.style(f"the end of {error.log or 'what it printed'}:", bold=True))
            say(error.log_tail)
        raise click.ClickException(str(error)) from error
    _print(processes, as_json=as_json)
    say(f"\nReady. Settings for other programs: . {stack.home.env_file}")
    if stack.env.get("IDENTITY") == "jwt":
        bearer = '-H "Authorization: Bearer $(onsale token 1)" ' if stack.env.get("JWT_SECRET") else ""
        say(f'Try: curl -X POST {bearer}"{stack.env["ONSALE_URL"]}/api/v1/queue/enter"')
    else:
        say(f'Try: curl -X POST "{stack.env["ONSALE_URL"]}/api/v1/queue/enter?userId=1"')
    for each in processes:
        if each.name == "prometheus":
            say_where_to_look(each.port)
    return 0


def say_where_to_look(port: int) -> None:
    """Say where the figures are seen: in Prometheus, in Grafana where there is Docker, in the terminal."""
    from ops.local.containers import engine_fault
    from ops.local.prometheus import url

    say(f"Prometheus: {url(port)}/alerts has the alerts and what to do")
    if engine_fault():
        say("Dashboards: `onsale watch ID` here in the terminal; Grafana needs Docker")
    else:
        say(f"Dashboards: ONSALE_PROMETHEUS_PORT={port} docker compose up -d --no-deps grafana")
        say("            then http://127.0.0.1:3000, and `onsale watch ID` in the terminal")


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


@click.command(short_help="Stop it; data stay until --wipe.")
@click.option("--wipe", is_flag=True, help="Remove the data, logs and settings too. Asks first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Only say what would be stopped and removed.")
@_JSON
def down(wipe: bool, yes: bool, dry_run: bool, as_json: bool) -> int:
    """Stop what `onsale up` has started. Servers given by URL are not touched.

    \b
    onsale down
    onsale down --wipe --dry-run
    onsale down --wipe --yes
    """
    from ops.local.containers import project
    from ops.local.program import StartFailed

    stack = _stack()
    running = [each.name for each in stack.status() if each.pid or each.condition == "container"]
    removed = [str(path) for path in stack.home.contents()] if wipe else []
    if removed and stack.home.read_state().containers:
        removed.append(f"Docker volumes of {project(stack.home)}")
    if dry_run:
        _print_down(running, removed, "would be ", as_json=as_json)
        return 0
    if removed:
        ask(f"Remove everything that `onsale up` has made in {stack.home.path}?", yes=yes)
    try:
        stopped = stack.down(volumes=wipe)
    except StartFailed as error:
        raise click.ClickException(f"{error}\n{error.log_tail}".strip()) from error
    if wipe:
        stack.home.wipe()
    _print_down(stopped, removed, "", as_json=as_json)
    return 0


def _print_down(stopped: Sequence[str], removed: Sequence[str], would: str, *, as_json: bool) -> None:
    if as_json:
        print_json({"stopped": stopped, "removed": removed})
        return
    show(f"{would}stopped: {', '.join(stopped)}" if stopped else "nothing runs")
    for path in removed:
        show(f"{would}removed: {path}")


@click.command(short_help="Say what runs, and whether it answers.")
@_JSON
def status(as_json: bool) -> int:
    """List the processes of the local stack: name, condition, healthy, pid, port, log.

    Exit 0 if all answer, 1 if not or if nothing has been started.

    \b
    onsale status
    onsale status --json
    """
    processes = _stack().status()
    if processes or as_json:
        _print(processes, as_json=as_json)
    else:
        say("nothing has been started here: `onsale up` does")
    return 0 if processes and all(each.healthy for each in processes) else 1

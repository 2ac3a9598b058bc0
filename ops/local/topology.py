"""What a stack consists of: servers, preparations and workers, what each waits for, and the settings they share.

Decides which servers are given by URL and which are our own. Starts nothing; that is `stack`'s matter.
"""

import secrets
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from chalicelib.config import Settings, documented
from functions.kafka_client import client_config
from ops.local import (
    addresses,
    aws,
    containers,
    health,
    kafka,
    local_identity,
    ministack,
    modes,
    mysql,
    ports,
    prometheus,
    redis,
)
from ops.local.addresses import PORT_OF, SERVERS, URL_OF, Announce
from ops.local.home import Home, State
from ops.local.program import Program
from ops.metrics.names import environment as counting

WORKERS = (
    "gateway",
    "scheduler",
    "relay",
    "event-source-persist",
    "event-source-dead-letters",
    "event-source-notify-dead-letters",
    "event-source-notify",
    "event-source-statistics",
    "metrics",
)
OBSERVERS = (prometheus.NAME,)  # only with `--observe`
LISTENING = ("gateway", "metrics", prometheus.NAME)  # besides the servers
EVERYTHING = (*SERVERS, "topics", "tables", "sale", modes.STEP, *WORKERS, *OBSERVERS)
SETTINGS = tuple(each.name for each in documented())
Question = Callable[[], bool]

_AFTER = {
    "topics": ("kafka",),
    "tables": ("mysql",),
    "sale": ("redis",),
    modes.STEP: ("aws", "redis"),
    "gateway": ("redis",),
    "scheduler": ("redis",),
    "relay": ("redis", "topics"),
    "event-source-persist": ("topics", "tables", modes.STEP),
    "event-source-dead-letters": ("topics", "tables", modes.STEP),
    "event-source-notify-dead-letters": ("topics", "tables", modes.STEP),
    "event-source-notify": ("redis", "topics", "tables", "aws", modes.STEP),
    "event-source-statistics": ("topics", "tables", modes.STEP),
    "metrics": (),  # it tells of what is not there
}
_WORKER_MODULES = {
    "gateway": ("ops.local.gateway",),
    "scheduler": ("ops.local.scheduler", "promote"),
    "relay": ("ops.local.scheduler", "relay"),
    "event-source-persist": ("ops.local.event_source", "Persist"),
    "event-source-dead-letters": ("ops.local.event_source", "DeadLetters", "--event", "DeadLetters"),
    "event-source-notify-dead-letters": ("ops.local.event_source", "DeadLetters", "--event", "NotifyDeadLetters"),
    "event-source-notify": ("ops.local.event_source", "Notify"),
    "event-source-statistics": ("ops.local.event_source", "Statistics"),
    "metrics": ("ops.metrics",),
}
_STEP_MODULES = {
    **{name: ("ops.local.preparation", name) for name in ("topics", "tables", "sale")},
    modes.STEP: ("ops.local.emulated_functions",),
}


@dataclass(frozen=True, slots=True)
class Node:
    """One thing to bring about: a program to run, a step to run to its end, or a given server that must answer.

    Or several servers at once in `containers`; each of them is then a given one that comes after.
    """

    name: str
    after: tuple[str, ...] = ()
    program: Program | None = None
    step: tuple[str, ...] = ()
    given: Question | None = None
    containers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Topology:
    """All nodes in starting order, the settings every process gets, and what to remember for the next time."""

    nodes: tuple[Node, ...]
    env: dict[str, str]
    state: State


def questions(env: Mapping[str, str], metrics_port: int = 0) -> dict[str, Question]:
    """Return how to ask each server of a stack with these settings whether it answers."""
    settings = Settings.read(env)
    return {
        "redis": lambda: health.redis_answers(settings.redis_url, settings.redis_secret_arn),
        "mysql": lambda: health.mysql_answers(settings.mysql_url),
        "kafka": lambda: health.kafka_answers(client_config(settings)),
        "aws": lambda: health.aws_answers(settings.aws_endpoint_url),
        "gateway": lambda: health.http_answers(settings.url),
        modes.STEP: lambda: health.http_answers(settings.url),
        "metrics": lambda: health.http_answers(f"http://{ports.HOST}:{metrics_port}"),
    }


def plan(
    home: Home,
    environment: Mapping[str, str],
    running: Mapping[str, int],
    announce: Announce,
    only: tuple[str, ...],
    mode: str | None = None,
    observe: bool | None = None,
) -> Topology:
    """Decide ports, URLs and commands. `running` has the ports of what runs already; `only` limits the nodes.

    `mode` is where functions run, `observe` whether Prometheus runs; None: as with the last `up`.

    Raises BadSetting, and StartFailed where a server is missing or an asked-for port is taken.
    """
    state, remembered = home.read_state(), home.read_env()
    state = replace(state, functions=mode or state.functions, observe=state.observe if observe is None else observe)
    mode = state.functions
    only = tuple(name for name in only if name not in left_out(state))
    # The command puts the remembered settings into the environment, so what equals them was not asked for now.
    asked = {n: environment[n] for n in SETTINGS if environment.get(n) and environment[n] != remembered.get(n)}
    wanted = {name: value for name, value in {**remembered, **asked}.items() if name in SETTINGS}
    wanted = local_identity.complete(modes.completed(mode, wanted), asked, environment)
    settings = Settings.read(wanted)
    local_identity.check(settings)
    given = addresses.given(wanted, state) if settings.services != "local" else {}
    modes.check(mode, settings, given)
    own = [name for name in SERVERS if name in only and name not in given]
    # LocalStack runs no functions: where they are deployed to an emulator, that is a program of this machine.
    contained = containers.chosen(settings.services, [n for n in own if n != "aws" or mode == modes.LOCAL])
    listening = [*own, *(name for name in LISTENING if name in only)]
    chosen = addresses.choose_ports(listening, asked, state, running, announce)
    state = replace(state, ports={**state.ports, **chosen}, password=state.password or secrets.token_urlsafe(18))
    programs = {name: _server(name, home, state) for name in own if name not in contained}
    ours = _urls(home, state, list(programs)) | containers.settings(state, contained)
    env = {**_without_the_emulator(wanted, state, given), **ours}
    if "gateway" in only:
        env |= {"ONSALE_PORT": str(chosen["gateway"]), "ONSALE_URL": f"http://{ports.HOST}:{chosen['gateway']}"}
    if "metrics" in only:
        env["ONSALE_METRICS_PORT"] = str(chosen["metrics"])
    if modes.STEP in only:
        env["ONSALE_URL"] = ministack.api_url(chosen["aws"])
    env["ONSALE_HOME"] = str(home.path)
    programs |= {name: _worker(name, home, env, mode) for name in WORKERS if name in only}
    programs |= {name: _observer(home, state) for name in OBSERVERS if name in only}
    names = tuple(name for name in (*SERVERS, modes.STEP, *WORKERS, *OBSERVERS) if name in only)
    ever = tuple(name for name in SERVERS if name in contained or name in state.containers)
    state = replace(state, own=ours, names=names, containers=ever)
    return Topology(tuple(_nodes(only, programs, given, contained, env)), env, state)


def left_out(state: State) -> tuple[str, ...]:
    """Return the nodes that a stack does without, as it is asked for; what of them runs is to be stopped."""
    return modes.left_out(state.functions) + (() if state.observe else OBSERVERS)


def _server(name: str, home: Home, state: State) -> Program:
    data, port = home.data / name, state.ports[name]
    if name == "redis":
        return redis.program(data, home.run, port)
    if name == "mysql":
        return mysql.program(data, home.run, port, state.password)
    if name == "aws":
        return aws.program(home.run, port) if state.functions == modes.LOCAL else ministack.program(data, port)
    return kafka.program(data, home.run, port, state.ports["kafka-controller"])


def _observer(home: Home, state: State) -> Program:
    reads = state.ports.get("metrics", addresses.DEFAULT_PORTS["metrics"])
    return prometheus.program(home.data / prometheus.NAME, home.run, state.ports[prometheus.NAME], reads)


def _urls(home: Home, state: State, own: list[str]) -> dict[str, str]:
    """Return the settings by which clients find our own servers."""
    urls = {
        "redis": lambda port: redis.url(home.run, port),
        "mysql": lambda port: mysql.url(home.run, port, state.password),
        "kafka": kafka.bootstrap_servers,
        "aws": aws.url,
    }
    found = {URL_OF[name]: urls[name](state.ports[name]) for name in own}
    return found | (aws.settings(state.ports["aws"]) if "aws" in own else {})


def _without_the_emulator(wanted: dict[str, str], state: State, given: Mapping[str, str]) -> dict[str, str]:
    """Leave out what an earlier `up` set for its emulator, now that somebody else's AWS is to be used."""
    if "aws" not in given:
        return wanted
    return {name: text for name, text in wanted.items() if name not in aws.NAMES or text != state.own.get(name)}


def _worker(name: str, home: Home, env: Mapping[str, str], mode: str) -> Program:
    module = _WORKER_MODULES[name]
    more = modes.event_source_words(mode, module[1], env) if name.startswith("event-source") else ()
    ready = home.run / f"{name}.ready"
    port = int(env[PORT_OF[name]]) if name in PORT_OF else 0
    url = f"http://{ports.HOST}:{port}"
    return Program(
        name=name,
        command=(sys.executable, "-m", *module, *more),
        answers=(lambda: health.port_open(port) and health.http_answers(url)) if port else ready.exists,
        port=port,
        env={"ONSALE_READY_FILE": str(ready), "PYTHONUNBUFFERED": "1", **counting(home.run)},
        prepare=lambda _: ready.unlink(missing_ok=True),
        start_within_s=60.0,
    )


def _nodes(
    only: tuple[str, ...],
    programs: Mapping[str, Program],
    given: Mapping[str, str],
    contained: tuple[str, ...],
    env: Mapping[str, str],
) -> list[Node]:
    asking = questions(env)
    nodes = [Node(containers.STEP, containers=contained)] if contained else []
    for name in SERVERS:
        if name in only:
            asked = asking[name] if name in given or name in contained else None
            nodes.append(Node(name, (containers.STEP,) if name in contained else (), programs.get(name), given=asked))
    for name in ("topics", "tables", "sale", modes.STEP, *WORKERS, *OBSERVERS):
        if name in only:
            step = (sys.executable, "-m", *_STEP_MODULES[name]) if name in _STEP_MODULES else ()
            after = tuple(each for each in _AFTER.get(name, ()) if each in only)
            nodes.append(Node(name, after, programs.get(name), step))
    return nodes


def log_of(home: Home, name: str) -> Path:
    """Return where a process of this name writes."""
    return home.logs / f"{name}.log"

"""Servers in containers: what `onsale up` asks of Docker Compose in place of programs of this machine.

Owns the calls of `docker`; what runs in the containers is docker-compose.yml's matter, which servers are needed at all
`topology`'s. Each home has a Compose project of its own, so that it stops and removes nothing but its own.
"""

import hashlib
import shutil
import subprocess
import threading
from collections.abc import Mapping, Sequence

from ops.local import aws, kafka, mysql, redis
from ops.local.addresses import PORT_OF, URL_OF
from ops.local.home import Home, State
from ops.local.ports import HOST
from ops.local.program import PROJECT, Environment, Interrupted, StartFailed, run_to_end

STEP = "containers"
SERVICE_OF = {"redis": "redis", "mysql": "mysql", "kafka": "kafka", "aws": "localstack"}
ACCOUNT = "000000000000"  # LocalStack's, where the access key does not name one
ASK_WITHIN_S = 10.0
_HEALTHY_WITHIN_S = 300
_POLL_S = 0.1
_INSTALLED = {"redis": redis.installed, "mysql": mysql.installed, "kafka": kafka.installed}


def chosen(services: str, own: Sequence[str]) -> tuple[str, ...]:
    """Return which of a stack's own servers are to be containers, by the setting ONSALE_SERVICES.

    `docker`: all. `auto`: those whose program is not on this machine, if an engine answers. Raises StartFailed where
    `docker` is asked for and cannot be had.
    """
    if services == "docker" and own:
        if fault := engine_fault():
            raise StartFailed("ONSALE_SERVICES=docker", f"cannot be used: {fault}")
        return tuple(own)
    missing = tuple(name for name in own if name in _INSTALLED and not _INSTALLED[name]())
    return missing if services == "auto" and missing and not engine_fault() else ()


def engine_fault() -> str:
    """Say why containers cannot be had here, or nothing if they can."""
    if shutil.which("docker") is None:
        return "there is no `docker` program on this machine"
    for words, fault in (
        (("compose", "version"), "this Docker has no Compose (`docker compose`)"),
        (("version", "--format", "{{.Server.Version}}"), "Docker's engine does not answer"),
    ):
        try:
            done = subprocess.run(
                ("docker", *words), stdin=subprocess.DEVNULL, capture_output=True, timeout=ASK_WITHIN_S, check=False
            )
        except (subprocess.TimeoutExpired, OSError) as error:
            return f"{fault}: {error}"
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            return f"{fault}: {said[0]}" if said else fault
    return ""


def project(home: Home) -> str:
    """Return the name of the home's Compose project."""
    return f"onsale-{hashlib.sha256(str(home.path).encode()).hexdigest()[:8]}"


def _compose(home: Home, *words: str) -> tuple[str, ...]:
    return ("docker", "compose", "--project-name", project(home), "--file", str(PROJECT / "docker-compose.yml"), *words)


def environment(state: State) -> dict[str, str]:
    """Return what docker-compose.yml takes from the environment: the ports, and the password of MySQL's user."""
    ports = {PORT_OF[name]: str(state.ports[name]) for name in SERVICE_OF if name in state.ports}
    return {**ports, "ONSALE_MYSQL_PASSWORD": state.password}


def settings(state: State, contained: Sequence[str]) -> dict[str, str]:
    """Return by which settings clients find the servers in containers."""
    urls = {
        "redis": lambda port: f"redis://{HOST}:{port}/0",
        "mysql": lambda port: f"mysql://{mysql.USER}:{state.password}@{HOST}:{port}/{mysql.DATABASE}",
        "kafka": kafka.bootstrap_servers,
        "aws": aws.url,
    }
    found = {URL_OF[name]: urls[name](state.ports[name]) for name in contained}
    if "aws" in contained:
        topic = f"arn:aws:sns:{aws.REGION}:{ACCOUNT}:{aws.TOPIC}"
        found = {**aws.settings(state.ports["aws"]), "SNS_TOPIC_ARN": topic, **found}
    return found


def running(home: Home, state: State) -> tuple[str, ...]:
    """Return which servers run in containers of this home. None if it never had any, or Docker cannot be asked."""
    if not state.containers:
        return ()
    try:
        done = subprocess.run(
            _compose(home, "ps", "--services", "--status", "running"),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=ASK_WITHIN_S,
            check=False,
        )
    except (subprocess.TimeoutExpired, OSError):
        return ()
    services = done.stdout.decode(errors="replace").split() if done.returncode == 0 else []
    return tuple(name for name, service in SERVICE_OF.items() if service in services)


def up(home: Home, names: Sequence[str], env: Environment, cancelled: threading.Event) -> None:
    """Bring the servers up and return when they are healthy. Safe to repeat. The images are fetched first.

    Raises StartFailed with what Docker said, and Interrupted when called off.
    """
    wait = ("--detach", "--wait", "--wait-timeout", str(_HEALTHY_WITHIN_S))
    log = home.logs / f"{STEP}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            _compose(home, "up", *wait, *(SERVICE_OF[name] for name in names)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=dict(env),
            cwd=PROJECT,
            start_new_session=True,
        )
        try:
            while process.poll() is None:
                if cancelled.wait(_POLL_S):
                    raise Interrupted(STEP, "was interrupted")
        finally:
            _end(process)
    if process.returncode != 0:
        tail = log.read_text(errors="replace")[-3000:]
        raise StartFailed(STEP, "could not be brought up by Docker Compose", log, tail)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(ASK_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def stop(home: Home, names: Sequence[str], env: Mapping[str, str]) -> None:
    """Stop some of the servers and keep their data. Raises StartFailed."""
    if names:
        words = ("stop", *(SERVICE_OF[name] for name in names))
        run_to_end(STEP, "be stopped by Docker Compose", _compose(home, *words), env)


def down(home: Home, state: State, env: Mapping[str, str], *, volumes: bool) -> None:
    """Remove the home's containers; their data, in named volumes, only with `volumes`. Raises StartFailed."""
    if state.containers:
        words = ("down", "--volumes") if volumes else ("down",)
        run_to_end(STEP, "be stopped by Docker Compose", _compose(home, *words), env)

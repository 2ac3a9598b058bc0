"""Secrets stay where they are: in no output, error, log, report or command line, whether they are right or wrong.

Each secret that is set has a mark; everything that anything prints is searched for the marks.
"""

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import fields
from itertools import zip_longest
from pathlib import Path
from socket import SOCK_DGRAM

import psutil
import pytest
import redis

from chalicelib.config import Settings
from ops.local import addresses, ports, records, topology
from ops.local.home import Home, State
from ops.local.program import MARK as MARK_VARIABLE
from ops.local.program import PROJECT
from ops.local.stack import Stack
from tests.forging import claims, signed

MARK = "leaked-0123456789-0123456789-0123456789"
PART = "leaked"  # of every mark, as half a mark is a leak too
JWT = {"IDENTITY": "jwt", "JWT_AUDIENCE": "onsale", "JWT_ISSUER": "https://issuer.example/"}

# Secrets that cannot be right: of a server that is not there, and in every form that nobody can read.
WRONG: dict[str, tuple[str, ...]] = {
    "REDIS_URL": (
        f"redis://:{MARK}@127.0.0.1:1/0",
        f"rediss://user:{MARK}@127.0.0.1:1/0",
        f"redis://:{MARK}@127.0.0.1:{MARK}/0",
        f"redis://:{PART}/{MARK}@127.0.0.1:1/0",
        f"redis://:{MARK}@[::1/0",
        f"redis://:{MARK}@127.0.0.1:1/0?password={MARK}",
        f"http://:{MARK}@127.0.0.1:1",
        MARK,
    ),
    "MYSQL_URL": (
        f"mysql://user:{MARK}@127.0.0.1:1/onsale",
        f"mysql://user:{MARK}@127.0.0.1:1",
        f"mysql://user:{PART}#{MARK}@127.0.0.1:1/onsale",
        f"mysql://user:{MARK}@127.0.0.1:99999/onsale",
        f"postgres://user:{MARK}@127.0.0.1:1/onsale",
        MARK,
    ),
    "JWT_SECRET": (MARK, PART, f"-----BEGIN PRIVATE KEY-----{MARK}"),
    "PAYMENT_WEBHOOK_SECRET": (MARK, PART),
    "PAYMENT_WEBHOOK_SECRET_PREVIOUS": (MARK, PART),
    # The secret itself where its ARN belongs. Last, as a setting that cannot be read hides the faults of all others.
    **dict.fromkeys(
        (
            "REDIS_SECRET_ARN",
            "MYSQL_SECRET_ARN",
            "KAFKA_SECRET_ARN",
            "JWT_SECRET_ARN",
            "PAYMENT_WEBHOOK_SECRET_ARN",
            "PAYMENT_WEBHOOK_SECRET_PREVIOUS_ARN",
        ),
        ("", "", "", MARK, f"arn:aws:s3:::{MARK}", f"arn:aws:secretsmanager:{MARK}"),
    ),
}
# Their first values all at once, then their second ones: a process for each secret would take a minute.
ROWS = [{name: value for name, value in zip(WRONG, row, strict=True) if value} for row in zip_longest(*WRONG.values())]
# The parts of a stack that hold secrets, and no more: a start takes seconds.
PARTS = ("redis", "mysql", "kafka", "topics", "tables", "sale", "gateway", "scheduler", "relay", "event-source-persist")
COMMANDS = (
    ("status", "--json"),
    ("status",),
    ("sale", "list", "--json"),
    ("sale", "create", "a", "--capacity", "1"),
    ("sale", "show", "a", "--json"),
    ("purchases", "a"),
    ("buyer", "show", "a", "ann"),
    ("ledger", "a", "--json"),
    ("migrate", "--dry-run"),
    ("token", "ann", "--json"),
)
# Runs the commands and then the functions, one after the other in one process, and prints whatever they raise.
SCRIPT = """
import json, logging, sys, traceback
logging.basicConfig(level=logging.DEBUG)
from ops.cli import main
commands, authorization = json.loads(sys.argv[1])
for words in commands:
    try:
        print(main(words))
    except BaseException:
        traceback.print_exc()
def app(path, method):
    from app import app as chalice
    return chalice({
        "requestContext": {"resourcePath": path, "httpMethod": method, "authorizer": {"principalId": "ann"}},
        "headers": {}, "pathParameters": None, "stageVariables": None, "body": None,
        "multiValueQueryStringParameters": None,
    }, None)
def authorizer():
    from chalicelib.authorizer import jwt_auth
    return jwt_auth({"type": "TOKEN", "authorizationToken": authorization, "methodArn": "arn:a:b:c:d:e/f/GET/g"}, None)
def persist():
    from functions.persist import handler
    return handler(json.load(open("tests/events/msk.json")), None)
def promote():
    from chalicelib import promotion
    return promotion.run(lambda: 0)
def stack():
    from chalicelib.config import settings
    return repr(settings())
for run in (lambda: app("/api/v1/queue/enter", "POST"), lambda: app("/api/v1/sale", "GET"),
            lambda: app("/health", "GET"), authorizer, persist, promote, stack):
    try:
        print(run())
    except BaseException:
        traceback.print_exc()
"""


def output_of_everything(home: Path, settings: dict[str, str], *words: tuple[str, ...]) -> str:
    """Return all that the commands and the functions write with these settings."""
    authorization = f"Bearer {signed(claims())}"
    ended = subprocess.run(
        [sys.executable, "-c", SCRIPT, json.dumps([words or COMMANDS, authorization])],
        cwd=PROJECT,
        env={
            **os.environ,
            "ONSALE_HOME": str(home),
            "REDIS_CONNECT_TIMEOUT_S": "0.2",
            "REDIS_READ_TIMEOUT_S": "0.5",
            **settings,
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout
    return ended.stdout


def leaks(text: str) -> list[str]:
    return [line for line in text.splitlines() if PART in line]


def test_every_secret_setting_is_in_the_table_of_these_tests() -> None:
    assert {each.metadata["name"] for each in fields(Settings) if each.metadata["secret"]} <= set(WRONG)
    hidden = {each.metadata["name"] for each in fields(Settings) if not each.repr}
    told = [each.metadata["name"] for each in fields(Settings)]
    assert {name for name in told if "SECRET" in name or "PASSWORD" in name} <= hidden


@pytest.mark.parametrize("settings", ROWS, ids=range(len(ROWS)))
def test_a_wrong_secret_is_in_no_output(tmp_path: Path, settings: dict[str, str]) -> None:
    output = output_of_everything(tmp_path, {**JWT, **settings})
    assert "Error" in output or "error" in output  # something did go wrong, and was told
    assert leaks(output) == []


def test_secrets_that_are_put_on_the_command_line_are_not_repeated(tmp_path: Path) -> None:
    words = [("--set", f"REDIS_URL=redis://:{MARK}@127.0.0.1:1/0", "sale", "list")]
    words += [("--set", f"JWT_SECRET={PART}", "token", "ann"), ("--set", f"REDIS_URL:{MARK}", "sale", "list")]
    assert leaks(output_of_everything(tmp_path, {}, *words)) == []


@pytest.fixture(scope="module")
def marked(redis_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A whole stack whose secrets are all right, and marked: of MySQL, of a Redis that is given, of tokens."""
    home = Home(tmp_path_factory.mktemp("marked") / "home")
    home.create()
    home.write_state(State(password=MARK))
    names = addresses.PORT_OF.values()
    chosen = dict(zip(names, map(str, ports.free_ports(len(names))), strict=True))
    given = {"REDIS_URL": redis_url.replace("unix://", f"unix://marked:{MARK}@"), "JWT_SECRET": MARK, **JWT}
    with redis.Redis.from_url(redis_url) as client:
        client.execute_command("ACL", "SETUSER", "marked", "on", f">{MARK}", "~*", "&*", "+@all")
        stack = Stack(home, environment={**os.environ, **chosen, **given}, only=PARTS, tied=True)
        try:
            stack.up()
            yield stack
        finally:
            stack.down()
            client.execute_command("ACL", "DELUSER", "marked")


def test_right_secrets_are_in_no_output_and_no_log_of_a_stack_that_sells_and_of_one_that_fails(
    marked: Stack, eventually: Callable[[Callable[[], object]], None]
) -> None:
    home = marked.home
    selling = output_of_everything(home.path, {}, ("sale", "create", "marked", "--capacity", "5"), *COMMANDS)
    assert '"capacity": 5' in selling
    assert leaks(selling) == []
    token = onsale_token(home)
    assert post(marked, "/queue/enter", token) == 200
    assert post(marked, "/queue/enter", "wrong") == 401
    os.kill(marked.pid("mysql"), signal.SIGKILL)
    assert post(marked, "/reservations/reserve", token) == 201
    log = home.logs / "event-source-persist.log"
    eventually(lambda: "batch failed" in log.read_text())
    assert leaks(output_of_everything(home.path, {})) == []
    logs = {path.name: path.read_text(errors="replace") for path in home.logs.iterdir()}
    assert {"gateway.log", "relay.log", "scheduler.log", "event-source-persist.log"} <= set(logs)
    assert {name: leaks(text) for name, text in logs.items() if leaks(text)} == {}


def test_the_only_files_with_a_secret_are_for_their_owner_and_no_process_shows_one(marked: Stack) -> None:
    home = marked.home
    holding = [path for path in home.path.rglob("*") if path.is_file() and home.data not in path.parents]
    holding = [path for path in holding if PART.encode() in path.read_bytes()]
    assert home.env_file in holding
    assert {path.name: oct(path.stat().st_mode & 0o077) for path in holding} == {path.name: "0o0" for path in holding}
    shown = [process.cmdline() for process in records.marked(home, topology.EVERYTHING)]
    assert len(shown) > 5
    assert [words for words in shown if PART in " ".join(words)] == []


def onsale_token(home: Home) -> str:
    command = [sys.executable, "-c", "import sys; from ops.cli import main; sys.exit(main())", "token", "ann"]
    env = {**os.environ, "ONSALE_HOME": str(home.path)}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True, timeout=180).stdout.strip()


def post(stack: Stack, path: str, token: str) -> int:
    url = f"{stack.env['ONSALE_URL']}/api/v1/sales/marked{path}"
    request = urllib.request.Request(url, method="POST", headers={"Authorization": f"Bearer {token}"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        refused.close()
        return refused.code


# Servers that cannot be told to listen on loopback alone, by the name of their process: none.
EXCEPTIONS: frozenset[str] = frozenset()


def test_a_running_stack_listens_on_loopback_and_nowhere_else(stack: Stack) -> None:
    listening: dict[str, set[str]] = {}
    for process in records.marked(stack.home, topology.EVERYTHING):
        for each in (process, *process.children(recursive=True)):
            for socket in each.net_connections(kind="inet"):
                if socket.status == psutil.CONN_LISTEN or (not socket.raddr and socket.type == SOCK_DGRAM):
                    name = str(process.environ()[MARK_VARIABLE].rpartition("|")[2])
                    listening.setdefault(name, set()).add(socket.laddr.ip)
    assert {"redis", "mysql", "kafka", "gateway"} <= set(listening)
    elsewhere = {name: ips - {"127.0.0.1", "::1", "::ffff:127.0.0.1"} for name, ips in listening.items()}
    assert {name for name, ips in elsewhere.items() if ips} <= EXCEPTIONS

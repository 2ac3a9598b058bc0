"""The packaged stack, deployed to MiniStack: its API Gateway and authorizer, its schedule, its functions, invoked.

One stack for the file, on ports and in a folder of its own. Its schedule fires a minute after it was deployed, which
is what these tests take.
"""

import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from chalicelib.signature import sign
from functions.mysql import connect
from ops.local import aws, modes
from ops.local.stack import Stack, private_stack
from ops.local.topology import SETTINGS
from tests.conftest import PATIENT

_NODES = (
    *("redis", "mysql", "kafka", "aws", "topics", "tables", modes.STEP),
    *("event-source-persist", "event-source-notify", "event-source-statistics"),
)
_SALE = "emulated"
_SIGNED_WITH = "the provider's secret, long enough"
_SCHEDULE_WITHIN_S = 120.0  # it fires 60 to 70 s after the rule was made; then functions start cold
_COLD_S = 90.0
_PAUSE_S = 0.3  # a buyer may ask five times a second


@pytest.fixture(scope="module")
def emulated() -> Iterator[Stack]:
    """A stack whose functions are packaged and deployed; `stack.env` has the URL of its API."""
    settings = {**PATIENT, "PAYMENT_WEBHOOK_SECRET": _SIGNED_WITH}
    with private_stack(settings, only=_NODES, functions=modes.EMULATOR) as running:
        yield running


@pytest.fixture(scope="module")
def operator(emulated: Stack) -> Callable[..., Any]:
    """Run a command on the deployed stack: with an operator's settings, which know no server of it."""
    known = {**aws.settings(int(emulated.env["ONSALE_AWS_PORT"])), "ONSALE_HOME": "none"}

    def run(*words: str, code: int = 0) -> Any:
        shell = {name: value for name, value in os.environ.items() if name not in SETTINGS}
        done = subprocess.run(
            [sys.executable, "-c", "import sys; from ops.cli import main; sys.exit(main())", *words, "--json"],
            env={**shell, **{name: known[name] for name in known if name not in ("SNS_TOPIC_ARN", "SES_FROM")}},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert done.returncode == code, done.stderr
        return json.loads(done.stdout)

    return run


@pytest.fixture(scope="module")
def sale(operator: Callable[..., Any]) -> str:
    """A sale of two tickets, for one buyer at a time, made by the deployed `operate`."""
    words = ("--capacity", "2", "--max-active", "1", "--payment", "required", "--target", "stack:onsale", "--yes")
    assert operator("sale", "create", _SALE, *words)["capacity"] == 2
    return f"/api/v1/sales/{_SALE}"


class Buyer:
    """A buyer with a token, as the issuer of this stack signs it."""

    def __init__(self, stack: Stack, user_id: str) -> None:
        self._url = stack.env["ONSALE_URL"]
        words = [sys.executable, "-c", "import sys; from ops.cli import main; sys.exit(main())", "token", user_id]
        env = {**os.environ, "ONSALE_HOME": str(stack.home.path)}
        minted = subprocess.run(words, env=env, capture_output=True, text=True, timeout=180, check=True)
        self._token = minted.stdout.strip()

    def __call__(self, method: str, path: str, **body: str) -> tuple[int, Any]:
        return ask(self._url, method, path, self._token, **body)


def ask(url: str, method: str, path: str, token: str = "", **body: str) -> tuple[int, Any]:
    return send(
        url + path, method, json.dumps(body).encode() if body else None, Authorization=token and f"Bearer {token}"
    )


def provider_tells(stack: Stack, **body: str) -> tuple[int, Any]:
    raw = json.dumps(body).encode()
    url = f"{stack.env['ONSALE_URL']}/api/v1/payments/callback"
    return send(url, "POST", raw, **{"X-Onsale-Signature": sign(_SIGNED_WITH, raw, int(time.time()))})


def send(url: str, method: str, body: bytes | None, **headers: str) -> tuple[int, Any]:
    """Send, and again after a 5xx, as clients do: functions that start cold may be too slow for who waits for them."""
    deadline_s = time.monotonic() + _COLD_S
    while (answer := send_once(url, method, body, headers))[0] >= 500 and time.monotonic() < deadline_s:
        time.sleep(1)
    return answer


def send_once(url: str, method: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, Any]:
    kept = {"Content-Type": "application/json", **{name: value for name, value in headers.items() if value}}
    request = urllib.request.Request(url, body, kept, method=method)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


def within_a_schedule(condition: Callable[[], object]) -> None:
    deadline_s = time.monotonic() + _SCHEDULE_WITHIN_S
    while not condition():
        assert time.monotonic() < deadline_s, f"the condition did not come to hold within {_SCHEDULE_WITHIN_S:g} s"
        time.sleep(_PAUSE_S)


def rows(stack: Stack, statement: str) -> list[Any]:
    with closing(connect(stack.env["MYSQL_URL"])) as connection, connection.cursor() as cursor:
        cursor.execute(statement, (_SALE,))
        return list(cursor.fetchall())


def test_the_gateway_lets_nobody_in_without_a_token_and_nobody_act_for_another(emulated: Stack, sale: str) -> None:
    url = emulated.env["ONSALE_URL"]
    assert ask(url, "GET", sale)[1]["state"] == "OPEN"
    for path, token in (("enter", ""), ("enter", "made.up.token"), ("enter?userId=cat", "")):
        status, problem = ask(url, "POST", f"{sale}/queue/{path}", token)
        assert (status, problem["code"]) == (401, "unauthenticated")
    status, problem = ask(url, "GET", "/api/v1/nowhere")
    assert (status, problem["code"]) == (404, "no-such-route")
    status, problem = Buyer(emulated, "bob")("POST", f"{sale}/queue/enter?userId=cat")
    assert (status, problem["code"]) == (403, "not-yours")


def test_a_ticket_goes_all_the_way_through_the_deployed_stack(
    emulated: Stack, sale: str, operator: Callable[..., Any]
) -> None:
    ann, bob = Buyer(emulated, "ann"), Buyer(emulated, "bob")
    assert ann("POST", f"{sale}/queue/enter")[1]["state"] == "ACTIVE"
    status, waiting = bob("POST", f"{sale}/queue/enter")
    assert (status, waiting["state"], waiting["rank"]) == (202, "WAITING", 1)
    for buyer, user_id in ((ann, "ann"), (bob, "bob")):
        # Nothing but the schedule admits who waits: the line moves when ann has left her place.
        within_a_schedule(lambda: buyer("GET", f"{sale}/queue/status")[1]["state"] == "ACTIVE")  # noqa: B023
        status, held = buyer("POST", f"{sale}/reservations/reserve")
        assert (status, held["state"]) == (201, "HELD")
        paid = {"reservationId": held["reservation"]["reservationId"], "paymentId": f"pay-{user_id}"}
        assert buyer("POST", f"{sale}/reservations/confirm", **paid)[1]["code"] == "confirm-by-payment-provider"
        told = provider_tells(emulated, saleId=_SALE, userId=user_id, status="succeeded", **paid)
        assert (told[0], told[1].get("outcome")) == (200, "CONFIRMED"), told
    purchases = "SELECT user_id, status, payment_id FROM purchases WHERE sale_id = %s ORDER BY user_id"
    bought = [("ann", "CONFIRMED", "pay-ann"), ("bob", "CONFIRMED", "pay-bob")]
    within_a_schedule(lambda: rows(emulated, purchases) == bought)
    ledger = operator("ledger", _SALE, "--wait", "30", "--target", "stack:onsale")
    assert ledger["state"] == "balanced", ledger
    assert _SALE in {each["saleId"] for each in operator("sale", "list", "--target", "stack:onsale")}


def test_a_second_up_finds_everything_deployed(emulated: Stack) -> None:
    before = {each.name: each.pid for each in emulated.status()}
    assert {each.condition for each in emulated.up()} == {"running", "deployed"}
    after = {each.name: (each.pid, each.healthy) for each in emulated.status()}
    assert after == {name: (pid, True) for name, pid in before.items()}
    assert not {"gateway", "scheduler", "relay"} & after.keys()

"""Buyers are told, through the whole: a contact over HTTP, a purchase, the messages in the emulator and on record."""

import json
import os
import subprocess
import sys
import urllib.request
from email import message_from_string
from email.policy import default
from pathlib import Path
from typing import Any

import pytest

from ops.local.stack import Stack
from tests.conftest import Eventually

EMAIL, PHONE = "grace.hopper@buyers.example", "+821099998888"


def onsale(stack: Stack, *words: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", "ops.cli", *words, "--json"],
        env={**os.environ, **stack.env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert EMAIL not in done.stdout + done.stderr
    return json.loads(done.stdout)


def post(stack: Stack, path: str, **body: str) -> Any:
    request = urllib.request.Request(  # noqa: S310
        f"{stack.env['ONSALE_URL']}/api/v1/sales/gala/{path}",
        data=json.dumps(body).encode(),
        headers={"Content-Type": "application/json"},
        method="POST",
    )
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
        return json.loads(answer.read() or b"{}")


@pytest.fixture
def told(stack: Stack, eventually: Eventually) -> list[dict[str, str]]:
    """The messages about a buyer who left a contact, bought a ticket and gave it back."""
    onsale(stack, "sale", "create", "gala", "--capacity", "5", "--payment", "required", "--name", "갈라")
    post(stack, "queue/enter", userId="grace")
    post(stack, "contact", userId="grace", email=EMAIL, phone=PHONE, language="ko")
    reserved = post(stack, "reservations/reserve", userId="grace")["reservation"]["reservationId"]
    post(stack, "reservations/confirm", userId="grace", reservationId=reserved, paymentId="pay-grace")
    onsale(stack, "buyer", "cancel", "gala", "grace", "--yes")

    def messages() -> list[dict[str, str]]:
        found: list[dict[str, str]] = onsale(stack, "buyer", "show", "gala", "grace")["messages"]
        return found

    eventually(lambda: len(messages()) == 12)
    return messages()


def test_a_buyer_is_told_of_everything_over_every_channel(stack: Stack, told: list[dict[str, str]]) -> None:
    types = ("RESERVED", "CONFIRMED", "CANCELLED", "REFUND_DUE")
    channels = {"topic": "", "sms": "ko", "email": "ko"}
    assert {(m["type"], m["channel"], m["language"]) for m in told} == {
        (kind, channel, language) for kind in types for channel, language in channels.items()
    }
    with urllib.request.urlopen(f"{stack.env['AWS_ENDPOINT_URL']}/moto-api/data.json", timeout=30) as answer:  # noqa: S310
        kept = json.load(answer)
    mails = {mail["id"]: mail for mail in kept["ses"]["RawMessage"]}
    for message in told:
        if message["channel"] == "email":
            mail = mails[message["messageId"]]
            assert EMAIL in mail["destinations"]
            assert "갈라" in message_from_string(mail["raw_data"], policy=default)["Subject"]
    texts = json.dumps(kept["sns"], ensure_ascii=False)
    assert all(message["messageId"] in texts for message in told if message["channel"] != "email")

    for log in Path(stack.home.logs).glob("*.log"):
        written = log.read_text(errors="replace")
        assert EMAIL not in written
        assert PHONE not in written
    assert {each.name: each.healthy for each in stack.status() if each.name in ("aws", "event-source-notify")} == {
        "aws": True,
        "event-source-notify": True,
    }

"""The client of the simulated buyers, against a server that misbehaves: what it sends again, and what never."""

import asyncio
import time
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from ops.demo import client as client_module
from ops.demo.answer import Answer
from ops.demo.client import GaveUp, SaleClient
from ops.demo.figures import Figures

Reply = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def _ok(_: web.Request) -> web.StreamResponse:
    return web.json_response({"state": "ACTIVE"})


async def _hang_up(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.close()
    return web.Response()


def _problem(status: int, code: str, **headers: str) -> Reply:
    async def reply(_: web.Request) -> web.StreamResponse:
        return web.json_response({"code": code}, status=status, headers=headers)

    return reply


def _ask(replies: list[Reply]) -> tuple[Answer, Figures, int]:
    """Ask once of a server that gives these replies in turn; returns the answer and how often it was asked."""
    asked = 0

    async def serve(request: web.Request) -> web.StreamResponse:
        nonlocal asked
        asked += 1
        return await replies[min(asked, len(replies)) - 1](request)

    async def run() -> tuple[Answer, Figures, int]:
        figures = Figures()
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", serve)
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        client = SaleClient(f"http://127.0.0.1:{port}", "demo", figures)
        try:
            return await client.enter("ann"), figures, asked
        finally:
            await client.close()
            await runner.cleanup()

    return asyncio.run(run())


def test_an_answer_is_an_answer_even_when_it_is_no() -> None:
    answer, figures, asked = _ask([_problem(409, "seat-taken")])
    assert (answer.ok, answer.code, asked) == (False, "seat-taken", 1)
    assert figures.refusals == {"seat-taken": 1}


@pytest.mark.parametrize("trouble", [_hang_up, _problem(503, "store-unavailable"), _problem(500, "internal-error")])
def test_what_got_no_usable_answer_is_sent_again(trouble: Reply) -> None:
    answer, figures, asked = _ask([trouble, trouble, _ok])
    assert (answer.ok, asked, sum(figures.failures.values())) == (True, 3, 2)


def test_retry_after_is_obeyed() -> None:
    started_s = time.monotonic()
    answer, _, asked = _ask([_problem(429, "too-many-requests", **{"Retry-After": "1"}), _ok])
    assert (answer.ok, asked) == (True, 2)
    assert time.monotonic() - started_s >= 1


def test_a_server_that_stays_away_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "_GIVE_UP_AFTER_S", 0.3)
    with pytest.raises(GaveUp, match="503 store-unavailable"):
        _ask([_problem(503, "store-unavailable")])

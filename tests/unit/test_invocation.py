"""Invocations side by side: each has its own request, waits without holding up others, and leaves nothing behind."""

import asyncio
import gc
import weakref
from typing import Any

import pytest
from chalice.app import Chalice

from ops.local.invocation import Event, Invocations, in_invocation, keep_apart, wait


class Counter:
    """Counts what runs at the same time."""

    def __init__(self) -> None:
        self.now = self.most = 0

    def __enter__(self) -> None:
        self.now += 1
        self.most = max(self.now, self.most)

    def __exit__(self, *_: object) -> None:
        self.now -= 1


def pause(turns: int = 1) -> None:
    """Let the others run, as code that waits for Redis does."""
    for _ in range(turns):
        loop = asyncio.get_running_loop()
        turn = loop.create_future()
        loop.call_soon(turn.set_result, None)
        wait(turn)


def event_of(user: int) -> Event:
    return {
        "requestContext": {"httpMethod": "GET", "resourcePath": "/who"},
        "headers": {},
        "pathParameters": None,
        "stageVariables": None,
        "multiValueQueryStringParameters": {"user": [str(user)]},
        "body": None,
    }


def test_each_of_many_requests_at_once_sees_its_own_request_and_context() -> None:
    app = Chalice("who", configure_logs=False)

    @app.route("/who")
    def who() -> Any:
        seen = []
        for turns in (1, 3, 2):
            pause(turns)
            seen.append(((app.current_request.query_params or {})["user"], app.lambda_context))  # type: ignore[union-attr]
        return seen

    keep_apart(app)

    async def all_at_once() -> list[Event]:
        invocations = Invocations(app)
        return await asyncio.gather(*(invocations.run(event_of(user), user) for user in range(64)))

    for _ in range(2):  # the second time in greenlets that have been used
        for user, answer in enumerate(asyncio.run(all_at_once())):
            assert answer["body"] == f'[["{user}",{user}],["{user}",{user}],["{user}",{user}]]'
    assert app.current_request is None


def test_no_more_than_the_limit_run_at_once_and_all_get_their_turn() -> None:
    running = Counter()

    def app(event: Event, _: object) -> Event:
        with running:
            pause(2)
        return event

    async def all_at_once() -> list[Event]:
        invocations = Invocations(app, limit=3)
        return await asyncio.gather(*(invocations.run({"n": number}, None) for number in range(20)))

    assert asyncio.run(all_at_once()) == [{"n": number} for number in range(20)]
    assert (running.most, running.now) == (3, 0)


def test_what_the_app_raises_is_raised_and_the_next_invocation_runs() -> None:
    def app(event: Event, _: object) -> Event:
        pause()
        if event["bad"]:
            raise ValueError("bad")
        return event

    async def one_after_the_other() -> Event:
        invocations = Invocations(app, limit=1)
        for _ in range(3):
            with pytest.raises(ValueError, match="bad"):
                await invocations.run({"bad": True}, None)
        return await invocations.run({"bad": False}, None)

    assert asyncio.run(one_after_the_other()) == {"bad": False}


def test_an_invocation_that_is_given_up_ends_and_frees_its_place_and_what_it_had() -> None:
    kept: list[weakref.ref[Counter]] = []
    running = Counter()

    def app(event: Event, _: object) -> Event:
        if event.get("stuck"):
            held = Counter()
            kept.append(weakref.ref(held))
            with running:
                wait(asyncio.get_running_loop().create_future())
        return event

    async def given_up() -> Event:
        invocations = Invocations(app, limit=1)
        task = asyncio.create_task(invocations.run({"stuck": True}, None))
        await asyncio.sleep(0)
        assert running.now == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        del task
        return await invocations.run({}, None)

    assert asyncio.run(given_up()) == {}
    assert running.now == 0
    gc.collect()
    assert kept[0]() is None


def test_code_knows_whether_it_runs_within_an_invocation() -> None:
    async def inside() -> Event:
        return await Invocations(lambda event, _: {"inside": in_invocation()}).run({}, None)

    assert not in_invocation()
    assert asyncio.run(inside()) == {"inside": True}

"""Once means once: on the real Redis, from many threads, after failures and after deaths."""

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from itertools import count

import pytest

from chalicelib.config import Settings
from functions import notify_once
from functions.notify_once import NotNow, Once, open_client
from functions.notify_providers import ProviderAway
from ops.local.ports import free_ports
from tests.conftest import PATIENT

_numbers = count(1)


@pytest.fixture
def once(redis_url: str) -> Once:
    return Once(open_client(replace(Settings.read(PATIENT), redis_url=redis_url)))


@pytest.fixture
def name() -> str:
    return f"{time.time_ns()}-{next(_numbers)}"


def soon() -> float:
    return time.monotonic() + 30


def answering(done: list[str], answer: str) -> Callable[[], dict[str, str]]:
    def act() -> dict[str, str]:
        done.append(answer)
        return {"id": answer}

    return act


def test_who_comes_again_gets_the_first_answer(once: Once, name: str) -> None:
    done: list[str] = []
    assert once.do(name, soon(), answering(done, "one")) == {"id": "one"}
    assert once.do(name, soon(), answering(done, "two")) == {"id": "one"}
    assert done == ["one"]


def test_of_twenty_who_come_together_one_does_it(once: Once, name: str) -> None:
    done: list[str] = []
    together = threading.Barrier(20)

    def come() -> None:
        together.wait()
        with suppress(NotNow):
            once.do(name, soon(), answering(done, "x"))

    threads = [threading.Thread(target=come) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == ["x"]


def test_what_failed_may_be_done_again_at_once(once: Once, name: str) -> None:
    def fail() -> dict[str, str]:
        raise ProviderAway("no")

    with pytest.raises(ProviderAway):
        once.do(name, soon(), fail)
    assert once.do(name, soon(), answering([], "x")) == {"id": "x"}


def test_what_died_in_between_is_not_touched_until_its_time_is_over_and_then_done_again(once: Once, name: str) -> None:
    class Killed(BaseException):
        pass

    def die() -> dict[str, str]:
        raise Killed

    ends_s = time.monotonic() + 1.0
    with pytest.raises(Killed):
        once.do(name, ends_s, die)
    done: list[str] = []
    while not done:
        try:
            once.do(name, soon(), answering(done, "x"))
        except NotNow:
            assert time.monotonic() < ends_s + 30
    assert time.monotonic() > ends_s - 0.1


def test_what_was_done_is_told_even_if_redis_cannot_keep_it(
    once: Once, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ConnectionError("gone")

    def act() -> dict[str, str]:
        monkeypatch.setattr(once._store, "_update_record", broken)
        return {"id": "sent"}

    assert once.do(name, soon(), act) == {"id": "sent"}


def test_without_redis_nothing_is_done(name: str) -> None:
    (nobody_listens,) = free_ports(1)
    done: list[str] = []
    away = Once(open_client(Settings(redis_url=f"redis://127.0.0.1:{nobody_listens}/0")))
    with pytest.raises(NotNow, match="Redis"):
        away.do(name, soon(), answering(done, "x"))
    assert done == []


def test_a_cluster_keeps_it_too(redis_cluster_url: str, name: str) -> None:
    once = Once(open_client(replace(Settings.read(PATIENT), redis_url=redis_cluster_url, redis_cluster=True)))
    assert once.do(name, soon(), answering([], "one")) == {"id": "one"}
    assert once.do(name, soon(), answering([], "two")) == {"id": "one"}


def test_tls_is_what_the_urls_scheme_says() -> None:
    secure = open_client(Settings(redis_url="rediss://127.0.0.1:6380/0")).connection_pool  # type: ignore[union-attr]
    plain = open_client(Settings(redis_url="redis://127.0.0.1:6379/0")).connection_pool  # type: ignore[union-attr]
    assert secure.connection_class.__name__ == "SSLConnection"
    assert plain.connection_class.__name__ == "Connection"


def test_a_message_takes_less_than_half_the_functions_time_and_is_remembered_longer_than_its_event() -> None:
    assert notify_once.IN_PROGRESS_MS < 60_000 / 2
    assert notify_once.KEPT_S > 14 * 24 * 3600

"""The shared link: many ask at once over one connection, each gets its own answer or is told that there is none."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from threading import Barrier
from typing import Any

import pytest
import redis

from chalicelib.errors import StoreUnavailable
from chalicelib.sale.redis_link import Argument, Script, ServerLink
from ops.local.link_aside import LinkAside
from ops.local.ports import free_ports
from ops.local.shared_link import SharedLink, open_link
from tests.conftest import LATE_S, Eventually
from tests.scripts.proxy import Proxy, proxy_to
from tests.scripts.sales import answered
from tests.scripts.shared import Loop

MANY = 200
ECHO = Script("return {ARGV[1]}")


@pytest.fixture
def loop() -> Iterator[Loop]:
    """A loop to ask on."""
    running = Loop()
    yield running
    running.stop()


@pytest.fixture
def proxy(redis_url: str) -> Iterator[Proxy]:
    """A proxy in front of the plain server."""
    with proxy_to(redis_url) as running:
        yield running


@pytest.fixture
def open_shared(loop: Loop) -> Iterator[Callable[..., SharedLink]]:
    """Open shared links that are closed afterwards."""
    opened: list[SharedLink] = []

    def opener(url: str, read_timeout_s: float = 10.0, connect_timeout_s: float = 10.0) -> SharedLink:
        opened.append(SharedLink(url, connect_timeout_s, read_timeout_s))
        return opened[-1]

    yield opener
    for link in opened:
        loop.plainly(link.close)


def echo(link: SharedLink, number: int) -> Callable[[], Any]:
    """Return an act of one of three kinds, whose answer is known by its number."""
    if number % 3 == 0:
        return lambda: link.command("ECHO", number)
    if number % 3 == 1:
        return lambda: link.script(ECHO, ("k",), (number,))[0]
    return lambda: link.transaction(("ECHO", number), ("ECHO", "other"))[0]


def all_answered(loop: Loop, link: SharedLink, count: int = MANY) -> list[Any]:
    """Ask over a hasty link, all again as long as one of them is told that Redis does not answer."""

    def told() -> list[Any]:
        answers = loop(*(echo(link, number) for number in range(count)))
        for each in answers:
            if isinstance(each, StoreUnavailable):
                raise each
        return answers

    return answered(told)


def said(count: int = MANY) -> list[bytes]:
    """What the acts 0 … `count` - 1 are answered."""
    return [b"%d" % number for number in range(count)]


def seen_by_redis(redis_url: str, command: str) -> int:
    """How often Redis has run a command."""
    with redis.Redis.from_url(redis_url) as server:
        stats: dict[str, Any] = server.info("commandstats")
    return int(stats.get(f"cmdstat_{command}", {"calls": 0})["calls"])


def test_many_ask_over_one_connection_and_each_gets_its_own_answer(
    loop: Loop, proxy: Proxy, redis_url: str, open_shared: Callable[..., SharedLink], eventually: Eventually
) -> None:
    link = open_shared(proxy.url)
    proxy.flowing.clear()
    before = seen_by_redis(redis_url, "exec")
    proxy.flowing.set()
    assert loop(*(echo(link, number) for number in range(MANY))) == said()
    proxy.flowing.clear()
    answers = loop.started(*(echo(link, number) for number in range(MANY)))
    # All were asked before the first was answered.
    eventually(lambda: seen_by_redis(redis_url, "exec") - before == 2 * (MANY // 3))
    proxy.flowing.set()
    assert answers() == said()
    assert proxy.connections == 1


def test_what_does_not_fit_into_the_socket_follows_when_there_is_room(
    loop: Loop, proxy: Proxy, open_shared: Callable[..., SharedLink]
) -> None:
    link = open_shared(proxy.url)
    large = "x" * 300_000
    asked = [lambda number=number: link.command("ECHO", f"{number}{large}") for number in range(60)]
    assert [len(answer) for answer in loop(*asked)] == [len(f"{number}{large}") for number in range(60)]
    assert proxy.connections == 1


def test_an_error_reply_is_its_asker_s_alone(
    loop: Loop, redis_url: str, open_shared: Callable[..., SharedLink]
) -> None:
    link = open_shared(redis_url)
    answers = loop(
        echo(link, 0),
        lambda: link.command("NO-SUCH-COMMAND"),
        lambda: link.transaction(("SET", "text", "x", "EX", 60), ("LPUSH", "text", "y")),
        lambda: link.transaction(("ECHO", "x"), ("NO-SUCH-COMMAND",)),
        lambda: link.script(Script("return redis.error_reply('READONLY told so')"), ("k",), ()),
        lambda: link.transaction(("EVAL", "return redis.error_reply('OOM told so')", 0)),
        lambda: link.script(Script("return redis.error_reply('MISCONF told so')"), ("k",), ()),
        echo(link, 3),
    )
    assert (answers[0], answers[-1]) == (b"0", b"3")
    assert [type(answer) for answer in answers[1:-1]] == [
        redis.ResponseError,
        redis.ResponseError,
        redis.ResponseError,
        StoreUnavailable,
        StoreUnavailable,
        StoreUnavailable,
    ]


def test_what_a_broken_connection_swallowed_is_sent_once_more(
    loop: Loop, proxy: Proxy, open_shared: Callable[..., SharedLink], eventually: Eventually
) -> None:
    link = open_shared(proxy.url)
    assert loop(echo(link, 0)) == said(1)
    proxy.flowing.clear()
    answers = loop.started(*(echo(link, number) for number in range(MANY)))
    proxy.cut()
    eventually(lambda: proxy.connections == 2)
    proxy.flowing.set()
    assert answers() == said()


def test_what_is_lost_twice_is_told_and_the_next_is_in_step(
    loop: Loop, proxy: Proxy, open_shared: Callable[..., SharedLink], eventually: Eventually
) -> None:
    link = open_shared(proxy.url, read_timeout_s=LATE_S)
    assert loop(echo(link, 0)) == said(1)
    proxy.flowing.clear()
    answers = loop.started(*(echo(link, number) for number in range(MANY)))
    proxy.cut()
    eventually(lambda: proxy.connections == 2)
    proxy.cut()
    assert {type(answer) for answer in answers()} == {StoreUnavailable}
    proxy.flowing.set()
    assert loop(*(echo(link, number) for number in range(MANY))) == said()


def test_a_connection_closed_while_nobody_asks_is_made_anew(
    loop: Loop, proxy: Proxy, open_shared: Callable[..., SharedLink]
) -> None:
    link = open_shared(proxy.url)
    for _ in range(3):
        assert loop(echo(link, 0)) == said(1)
        proxy.cut()


def test_when_redis_hangs_all_are_told_within_the_time_out_and_the_next_connects_anew(
    loop: Loop, proxy: Proxy, open_shared: Callable[..., SharedLink]
) -> None:
    link = open_shared(proxy.url, read_timeout_s=0.3)
    assert all_answered(loop, link, 1) == said(1)
    connections = proxy.connections
    proxy.flowing.clear()
    started_s = time.monotonic()
    answers = loop(*(echo(link, number) for number in range(MANY)))
    assert 0.25 < time.monotonic() - started_s < LATE_S
    assert {type(answer) for answer in answers} == {StoreUnavailable}
    proxy.flowing.set()
    assert all_answered(loop, link) == said()
    assert proxy.connections > connections


def test_a_server_that_takes_connections_and_is_silent_is_given_up_within_a_second(
    loop: Loop, proxy: Proxy, open_shared: Callable[..., SharedLink]
) -> None:
    link = open_shared(proxy.url, read_timeout_s=0.3, connect_timeout_s=0.3)
    proxy.flowing.clear()
    started_s = time.monotonic()
    assert {type(answer) for answer in loop(*(echo(link, number) for number in range(MANY)))} == {StoreUnavailable}
    assert time.monotonic() - started_s < LATE_S


def test_nobody_to_connect_to_is_told_at_once(loop: Loop, open_shared: Callable[..., SharedLink]) -> None:
    (port,) = free_ports(1)
    link = open_shared(f"redis://127.0.0.1:{port}/0")
    started_s = time.monotonic()
    assert {type(answer) for answer in loop(*(echo(link, number) for number in range(MANY)))} == {StoreUnavailable}
    assert time.monotonic() - started_s < LATE_S


def test_a_script_that_the_cache_has_lost_is_loaded_by_all_who_need_it(
    loop: Loop, redis_url: str, open_shared: Callable[..., SharedLink]
) -> None:
    link = open_shared(redis_url)
    with redis.Redis.from_url(redis_url) as server:
        server.script_flush()
    assert loop(*(echo(link, number) for number in range(MANY))) == said()


def test_who_asks_outside_an_invocation_is_told_so(
    loop: Loop, redis_url: str, open_shared: Callable[..., SharedLink]
) -> None:
    link = open_shared(redis_url)
    with pytest.raises(RuntimeError, match="within an invocation"):
        link.command("PING")
    with pytest.raises(RuntimeError, match="within an invocation"):
        loop.plainly(lambda: link.command("PING"))
    assert loop(echo(link, 0)) == said(1)


def test_a_password_and_a_database_are_those_of_the_url(loop: Loop, open_shared: Callable[..., SharedLink]) -> None:
    link = open_shared("unix:///nowhere/redis.sock?db=3&password=secret")
    (answer,) = loop(echo(link, 0))
    assert isinstance(answer, StoreUnavailable)
    assert "secret" not in str(answer)


@pytest.mark.parametrize(("url", "cluster"), [("rediss://127.0.0.1:1/0", False), ("redis://127.0.0.1:1/0", True)])
def test_over_tls_and_to_a_cluster_requests_wait_in_threads(loop: Loop, url: str, cluster: bool) -> None:
    link = open_link(url, cluster=cluster, connect_timeout_s=0.3, read_timeout_s=0.3)
    assert isinstance(link, LinkAside)
    (answer,) = loop(lambda: link.command("GET", "a"))
    assert isinstance(answer, StoreUnavailable)
    with pytest.raises(StoreUnavailable):  # where there is no loop that could be held up
        link.transaction(("GET", "a"))


def test_requests_that_wait_in_threads_do_so_side_by_side(loop: Loop) -> None:
    together = Barrier(5)

    class Meeting(ServerLink):
        def command(self, *words: Argument) -> Any:
            together.wait(5)
            return words[1]

    link = LinkAside(Meeting("redis://127.0.0.1:1/0", 0.3, 0.3))
    assert loop(*(partial(link.command, "ECHO", n) for n in range(5))) == list(range(5))

"""Redis with a password that is a secret: over every link, and while the password is changed under way."""

import json
import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import redis

from chalicelib.config import Settings
from chalicelib.errors import SecretUnavailable, StoreUnavailable
from chalicelib.sale.login import Login
from chalicelib.sale.redis_link import RedisLink, open_link
from functions.notify_once import Once, open_client
from ops.local import health
from ops.local import redis as redis_server
from ops.local.ports import HOST, free_ports
from ops.local.program import spawn, stop_child, wait_until_it_answers
from tests.conftest import PATIENT, Eventually
from tests.functions.vault import Vault
from tests.scripts.shared import outside_an_invocation

KEY = "{secrets}:count"
USER = "functions"
_numbers = count(1)


def password() -> str:
    return f"leaked-{next(_numbers)}-0123456789"


class Guarded:
    """A server, and the user of it whose password is changed."""

    def __init__(self, url: str, admin: "redis.Redis") -> None:
        self.url = url
        self._admin = admin

    def set_password(self, text: str) -> None:
        """From now on only this one is good; who is logged in stays so."""
        self._admin.execute_command("ACL", "SETUSER", USER, "on", "resetpass", f">{text}", "~*", "&*", "+@all")

    def hang_up(self) -> None:
        """Close the connections of the user."""
        self._admin.execute_command("CLIENT", "KILL", "USER", USER)


Open = Callable[[Login], RedisLink]


@pytest.fixture(params=["a server", "a cluster", "the gateway"])
def guarded(request: pytest.FixtureRequest) -> Iterator[tuple[Guarded, Open]]:
    """Each server with the link that is for it."""
    cluster = request.param == "a cluster"
    url: str = request.getfixturevalue("redis_cluster_url" if cluster else "redis_url")
    with ExitStack() as open_ones:
        opener = open_ones.enter_context(outside_an_invocation()) if request.param == "the gateway" else open_link
        admin = open_ones.enter_context(redis.Redis.from_url(url))

        def make(login: Login) -> RedisLink:
            return opener(url, cluster=cluster, connect_timeout_s=10, read_timeout_s=10, login=login)

        yield Guarded(url, admin), make
        admin.execute_command("ACL", "DELUSER", USER)


def test_a_link_logs_in_with_the_user_and_the_password_of_the_secret(
    guarded: tuple[Guarded, Open], vault: Vault
) -> None:
    server, opened = guarded
    server.set_password(known := password())
    arn = vault.keep(json.dumps({"username": USER, "password": known}))
    link = opened(Login(arn, server.url))
    assert vault.reads == []
    assert link.command("SET", KEY, 1) == b"OK"
    assert link.transaction(("INCR", KEY), ("GET", KEY)) == [2, b"2"]
    assert vault.reads == [arn]


def test_a_parameter_does_as_well_and_the_url_may_name_the_user(guarded: tuple[Guarded, Open], vault: Vault) -> None:
    server, opened = guarded
    server.set_password(known := password())
    link = opened(Login(vault.keep_parameter(known), f"redis://{USER}@ignored:1"))
    assert link.command("SET", KEY, 1) == b"OK"


def test_a_password_that_is_changed_while_everybody_buys_costs_nobody_an_answer(
    guarded: tuple[Guarded, Open], vault: Vault, eventually: Eventually
) -> None:
    server, opened = guarded
    server.set_password(known := password())
    arn = vault.keep(json.dumps({"username": USER, "password": known}))
    link = opened(Login(arn, server.url))
    link.command("SET", KEY, 0)
    answered: list[Any] = []
    ended = threading.Event()

    def buy() -> None:
        while not ended.is_set():
            try:
                answered.append(link.command("INCR", KEY))
            except Exception as error:
                answered.append(error)
                raise

    buyers = [threading.Thread(target=buy) for _ in range(4)]
    for each in buyers:
        each.start()
    try:
        eventually(lambda: len(answered) > 50)
        another = password()
        vault.change(arn, json.dumps({"username": USER, "password": another}))
        server.set_password(another)
        server.hang_up()
        before = len(answered)
        eventually(lambda: len(answered) > before + 200)
    finally:
        ended.set()
        for each in buyers:
            each.join()
    assert [each for each in answered if isinstance(each, Exception)] == []
    assert vault.reads == [arn, arn]


def test_a_password_that_stays_wrong_is_an_outage_and_hurries_nobody(
    guarded: tuple[Guarded, Open], vault: Vault, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="chalicelib")
    server, opened = guarded
    server.set_password(password())
    arn = vault.keep(json.dumps({"username": USER, "password": password()}))
    link = opened(Login(arn, server.url))
    for _ in range(20):
        with pytest.raises(StoreUnavailable) as failed:
            link.command("GET", KEY)
        assert "leaked" not in f"{failed.value}{failed.value.__cause__}"
    assert len(vault.reads) == 2
    assert "leaked" not in caplog.text


def test_a_secret_that_is_not_there_is_an_outage_that_names_it(guarded: tuple[Guarded, Open], vault: Vault) -> None:
    server, opened = guarded
    arn = vault.keep("leaked")
    vault.delete(arn)
    with pytest.raises(SecretUnavailable, match=rf"{arn}.*ResourceNotFoundException"):
        opened(Login(arn, server.url)).command("GET", KEY)


def test_a_secret_that_is_no_text_is_told_so(vault: Vault) -> None:
    arn = vault.keep_binary(b"leaked")
    with pytest.raises(SecretUnavailable, match=rf"{arn}.*binary"):
        Login(arn).get_credentials()


class Locked:
    """A server that asks everybody for a password (requirepass)."""

    def __init__(self, port: int, known: str) -> None:
        self.url = f"redis://{HOST}:{port}/0"
        self.password = ""
        self.admin = redis.Redis(host=HOST, port=port)
        self.change(known)

    def change(self, text: str) -> None:
        """Set another password."""
        self.admin.config_set("requirepass", text)
        self.password = text


@pytest.fixture
def locked() -> Iterator[Locked]:
    """A server of this test's own."""
    with tempfile.TemporaryDirectory(prefix="onsale-redis-") as name:
        folder = Path(name)
        (port,) = free_ports(1)
        child = spawn(redis_server.program(folder, folder, port), log=folder / "log", env=os.environ, tied=True)
        try:
            wait_until_it_answers(child)
            made = Locked(port, password())
            with made.admin:
                yield made
        finally:
            stop_child(child, kill=True)


def test_a_connection_that_is_no_longer_logged_in_is_dropped_and_the_command_sent_again(
    locked: Locked, vault: Vault
) -> None:
    arn = vault.keep(locked.password)
    link = open_link(locked.url, cluster=False, connect_timeout_s=10, read_timeout_s=10, login=Login(arn))
    assert link.command("SET", KEY, 1) == b"OK"
    assert link.command("RESET") == b"RESET"  # Redis logs it out
    assert link.command("INCR", KEY) == 2
    link.command("RESET")
    assert link.transaction(("INCR", KEY)) == [3]


def test_without_a_login_a_server_that_wants_one_is_an_outage(locked: Locked) -> None:
    link = open_link(locked.url, cluster=False, connect_timeout_s=10, read_timeout_s=10)
    with pytest.raises(StoreUnavailable, match="Authentication required"):
        link.command("GET", KEY)


def test_notify_remembers_in_the_same_redis_and_notices_the_change_too(locked: Locked, vault: Vault) -> None:
    arn = vault.keep(locked.password)
    login = Login(arn)
    of = replace(Settings.read(PATIENT), redis_url=locked.url, redis_secret_arn=arn)
    once = Once(open_client(of, login), login)
    assert once.do("a", time.monotonic() + 30, lambda: {"id": "1"}) == {"id": "1"}
    locked.change(password())
    vault.change(arn, locked.password)
    locked.admin.client_kill_filter(_type="normal", skipme=True)
    assert once.do("b", time.monotonic() + 30, lambda: {"id": "2"}) == {"id": "2"}
    assert once.do("a", time.monotonic() + 30, lambda: {"id": "3"}) == {"id": "1"}


def test_a_stack_that_is_given_a_redis_asks_it_with_the_secret(locked: Locked, vault: Vault) -> None:
    arn = vault.keep(locked.password)
    assert health.redis_answers(locked.url, arn)
    assert not health.redis_answers(locked.url)
    locked.change(password())
    vault.change(arn, locked.password)
    assert health.redis_answers(locked.url, arn)
    assert not health.redis_answers(locked.url, vault.keep(password()))

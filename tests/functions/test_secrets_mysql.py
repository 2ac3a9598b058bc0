"""MySQL over TLS, verified, and with a password that is a secret: against a server with a certificate of its own."""

import json
import os
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pymysql
import pytest

from chalicelib import secrets
from chalicelib.errors import BadSetting
from functions.mysql import Database, connect
from functions.mysql_address import Address, protection
from functions.mysql_errors import DatabaseAway
from ops.local import health
from ops.local import mysql as mysql_server
from ops.local.ports import HOST, free_ports
from ops.local.program import spawn, stop_child, wait_until_it_answers
from tests.authority import Authority
from tests.functions.vault import Configure, Vault

NAME = "db.onsale.test"  # on the certificate
OTHER = "other.onsale.test"  # the same server, by a name that is not
PASSWORD = "leaked-0"  # noqa: S105
_numbers = count(1)


class Server:
    """A server with a certificate for NAME."""

    def __init__(self, port: int, authority: Authority) -> None:
        self.port, self.authority = port, authority
        self.password = PASSWORD

    def url(self, host: str = NAME, user: str = f"{mysql_server.USER}:{PASSWORD}", port: int = 0) -> str:
        """Return where it is; the password is the one of its start."""
        return f"mysql://{user}@{host}:{port or self.port}/{mysql_server.DATABASE}"

    def change_password(self, text: str) -> None:
        """Set another password for its user, and end all connections but this one."""
        plain = pymysql.connect(
            host=HOST, port=self.port, user=mysql_server.USER, password=self.password, ssl_disabled=True
        )
        with closing(plain) as connection, connection.cursor() as cursor:
            cursor.execute(f"SET PASSWORD = PASSWORD('{text}')")
            cursor.execute(
                "SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND user = %s",
                (mysql_server.USER,),
            )
            for (number,) in cursor.fetchall():
                cursor.execute(f"KILL {number}")
        self.password = text


@pytest.fixture(scope="module")
def started() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="onsale-tls-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        authority = Authority(folder / "good")
        certificate, key = authority.issue(NAME)
        (port,) = free_ports(1)
        program = mysql_server.program(folder / "data", folder, port, PASSWORD)
        program = replace(program, command=(*program.command, f"--ssl-cert={certificate}", f"--ssl-key={key}"))
        program.prepare(os.environ)
        child = spawn(program, log=folder / "mysql.log", env=os.environ, tied=True)
        try:
            wait_until_it_answers(child)
            yield Server(port, authority)
        finally:
            stop_child(child, kill=True)


@pytest.fixture
def server(started: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """The server, with its first password; both names lead to it."""
    really = socket.getaddrinfo

    def resolved(host: Any, *rest: Any, **options: Any) -> Any:
        return really(HOST if host in (NAME, OTHER) else host, *rest, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolved)
    yield started
    if started.password != PASSWORD:
        started.change_password(PASSWORD)


def cipher(url: str = "") -> str:
    with closing(connect(url)) as connection, connection.cursor() as cursor:
        cursor.execute("SHOW STATUS LIKE 'Ssl_cipher'")
        ((_, found),) = cursor.fetchall()
        return str(found)


def test_a_server_elsewhere_is_reached_over_tls_by_the_authorities_of_the_setting(
    server: Server, configure: Configure
) -> None:
    configure(MYSQL_CA_FILE=str(server.authority.ca_file))
    assert cipher(server.url())


def test_another_authority_is_refused(server: Server, configure: Configure, tmp_path: Path) -> None:
    configure(MYSQL_CA_FILE=str(Authority(tmp_path / "another").ca_file))
    with pytest.raises(DatabaseAway, match="CERTIFICATE_VERIFY_FAILED"):
        connect(server.url())


def test_without_the_setting_only_public_authorities_count(server: Server) -> None:
    with pytest.raises(DatabaseAway, match="CERTIFICATE_VERIFY_FAILED"):
        connect(server.url())


@pytest.mark.parametrize("host", [OTHER, HOST])
def test_a_certificate_for_another_name_is_refused(server: Server, configure: Configure, host: str) -> None:
    configure(MYSQL_CA_FILE=str(server.authority.ca_file))
    with pytest.raises(DatabaseAway, match=r"(?i)mismatch|not valid for"):
        connect(server.url(host))


def test_this_machine_is_reached_as_it_comes(server: Server) -> None:
    with closing(connect(server.url(HOST))) as connection, connection.cursor() as cursor:
        assert cursor.execute("SELECT 1")


@pytest.mark.parametrize(
    ("host", "path", "is_here"),
    [
        ("127.0.0.1", "", True),
        ("127.8.0.1", "", True),
        ("[::1]", "", True),
        ("localhost", "", True),
        ("db.example", "?unix_socket=/tmp/mysql.sock", True),
        ("10.0.0.1", "", False),
        ("localhost.example", "", False),
        (NAME, "", False),
    ],
)
def test_only_what_is_on_this_machine_needs_no_tls(host: str, path: str, is_here: bool) -> None:
    address = Address.parse(f"mysql://u:p@{host}/onsale{path}")
    assert (protection(address, "") is None) is is_here


def test_a_file_of_authorities_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    nothing = tmp_path / "ca.pem"
    address = Address.parse(f"mysql://u:p@{NAME}/onsale")
    with pytest.raises(BadSetting, match="MYSQL_CA_FILE"):
        protection(address, str(nothing))
    nothing.write_text("not PEM")
    with pytest.raises(BadSetting, match="MYSQL_CA_FILE"):
        protection(address, str(nothing))


@contextmanager
def _server_without_tls(upstream: int) -> Iterator[tuple[int, list[bytes]]]:
    """Pass the server's greeting on as one without TLS would say it; yields the port and what clients then send."""
    heard: list[bytes] = []

    def serve(listener: socket.socket) -> None:
        client, _ = listener.accept()
        with client, socket.create_connection((HOST, upstream)) as behind:
            greeting = bytearray(behind.recv(65_536))
            # Protocol 10: header 4, version 1, its name and a zero, thread 4, salt 8, a zero, then the capabilities.
            capabilities = greeting.index(0, 5) + 1 + 4 + 8 + 1
            greeting[capabilities + 1] &= ~0x08  # CLIENT_SSL is 0x0800
            client.sendall(greeting)
            client.settimeout(10)
            heard.append(client.recv(65_536))

    with socket.create_server((HOST, 0)) as listener:
        serving = threading.Thread(target=serve, args=(listener,))
        serving.start()
        yield listener.getsockname()[1], heard
        serving.join(10)


def test_a_server_without_tls_is_refused_before_it_is_told_anything(server: Server, configure: Configure) -> None:
    configure(MYSQL_CA_FILE=str(server.authority.ca_file))
    with _server_without_tls(server.port) as (port, heard), pytest.raises(DatabaseAway, match="SSL is required"):
        connect(server.url(port=port))
    assert heard == [b""]


@pytest.fixture
def secret_arn(server: Server, vault: Vault, configure: Configure) -> str:
    """The settings of a deployed function: no password but an ARN."""
    arn = vault.keep(json.dumps({"username": mysql_server.USER, "password": PASSWORD}))
    url, ca_file = server.url(user="somebody"), str(server.authority.ca_file)
    configure(MYSQL_URL=url, MYSQL_SECRET_ARN=arn, MYSQL_CA_FILE=ca_file)
    return arn


def test_user_and_password_come_from_the_secret(secret_arn: str, vault: Vault) -> None:
    assert cipher()
    assert cipher()
    assert vault.reads == [secret_arn]


def test_a_plain_secret_is_the_password_of_the_urls_user(server: Server, vault: Vault, configure: Configure) -> None:
    arn = vault.keep_parameter(PASSWORD)
    configure(
        MYSQL_URL=server.url(user=mysql_server.USER),
        MYSQL_SECRET_ARN=arn,
        MYSQL_CA_FILE=str(server.authority.ca_file),
    )
    assert cipher()


def test_a_password_that_is_changed_is_noticed_before_anybody_is_refused(
    server: Server, secret_arn: str, vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("functions.mysql._TRUSTED_IDLE_S", -1)
    held = Database()
    assert _asked(held)
    another = f"leaked-{next(_numbers)}"
    server.change_password(another)
    vault.change(secret_arn, json.dumps({"username": mysql_server.USER, "password": another}))
    assert _asked(held)
    assert vault.reads == [secret_arn, secret_arn]
    held.close()


def test_a_password_that_stays_wrong_is_an_outage_and_hurries_nobody(
    server: Server, secret_arn: str, vault: Vault
) -> None:
    vault.change(secret_arn, json.dumps({"username": mysql_server.USER, "password": "leaked-wrong"}))
    for _ in range(5):
        with pytest.raises(DatabaseAway, match="1045") as failed:
            connect()
        assert "leaked" not in f"{failed.value}{failed.value.__cause__}"
    assert len(vault.reads) == 2
    assert not health.mysql_answers("")


def test_a_user_who_is_gone_is_noticed_like_a_password(secret_arn: str, vault: Vault) -> None:
    vault.change(secret_arn, json.dumps({"username": "nobody", "password": PASSWORD}))
    assert secrets.secret(secret_arn).username == "nobody"
    vault.change(secret_arn, json.dumps({"username": mysql_server.USER, "password": PASSWORD}))
    assert cipher()


def test_a_secret_that_cannot_be_read_is_an_outage_that_names_it(secret_arn: str, vault: Vault) -> None:
    vault.delete(secret_arn)
    with pytest.raises(DatabaseAway, match=f"{secret_arn}.*ResourceNotFoundException"):
        connect()


def _asked(held: Database) -> bool:
    with held.transaction() as cursor:
        return bool(cursor.execute("SELECT 1"))

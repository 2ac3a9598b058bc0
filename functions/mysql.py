"""The link to MySQL or MariaDB: where it is, one connection per process, transactions, the schema.

A process has one connection; the ledger and `migrate` take a second one while they run. A lost one is let go before
the next is made, and the server ends by itself what nobody waits for any more, so none pile up there in an outage.
Errors come out as `RowsRefused` or `DatabaseAway` (functions/mysql_errors.py) and as nothing else.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pymysql
from pymysql.cursors import Cursor

from chalicelib import secrets
from chalicelib.config import settings
from chalicelib.errors import SecretUnavailable
from chalicelib.secrets import Secret
from functions.mysql_address import Address, protection
from functions.mysql_errors import DatabaseAway, RowsRefused, translated

if TYPE_CHECKING:  # generic in its stubs only
    from pymysql.connections import Connection

MIGRATIONS = Path(__file__).resolve().parent.parent / "infra" / "mysql"
_CONNECT_TIMEOUT_S = 2
_READ_TIMEOUT_S = 5
_MIGRATE_TIMEOUT_S = 60
_ACCESS_DENIED = (1045, 1698)  # the second is what MariaDB may say of a user whom it does not know
_TRUSTED_IDLE_S = 1  # one that has lain longer is asked first: servers restart, and firewalls close what is idle

# Strict: text too long is an error, never cut. UTC whatever the server thinks. The server gives up waiting for locks
# (of rows, and of tables that somebody alters or backs up) before we give up waiting for it, or each try would leave
# a session there that still waits; MariaDB, which alone reads /*M! */, ends any statement then. READ COMMITTED takes
# no gap locks, so that several consumers do not wait for each other's empty places.
_SESSION = (
    "SET time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION',"
    " innodb_lock_wait_timeout = {lock_s}, lock_wait_timeout = {lock_s} /*M! , max_statement_time = {statement_s} */"
)
_PATIENT = f"SET lock_wait_timeout = {_MIGRATE_TIMEOUT_S // 2} /*M! , max_statement_time = 0 */"  # DDL may take long
_ISOLATION = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED"


def connect(url: str = "", read_timeout_s: int = _READ_TIMEOUT_S) -> "Connection[Cursor]":
    """Open a connection: time-outs, strict, UTC, READ COMMITTED, no autocommit. Default: the MYSQL_URL setting.

    Without a password in the URL it is that of MYSQL_SECRET_ARN, read anew where the server refuses it.
    """
    of = settings()
    address = Address.parse(url or of.mysql_url)
    if address.password or not of.mysql_secret_arn:
        return _opened(address, read_timeout_s)
    try:
        known = secrets.secret(of.mysql_secret_arn)
        try:
            return _opened(_with(address, known), read_timeout_s)
        except DatabaseAway as error:
            another = secrets.renewed(of.mysql_secret_arn, known) if _is_refusal(error) else None
            if another is None:
                raise
            return _opened(_with(address, another), read_timeout_s)
    except SecretUnavailable as error:
        raise DatabaseAway(error.detail) from error


def _with(address: Address, known: Secret) -> Address:
    return replace(address, user=known.username or address.user, password=known.password)


def _is_refusal(error: DatabaseAway) -> bool:
    said = error.__cause__.args if error.__cause__ else ()
    return bool(said) and said[0] in _ACCESS_DENIED


def _opened(address: Address, read_timeout_s: int) -> "Connection[Cursor]":
    try:
        connection = pymysql.connect(
            host=address.host,
            port=address.port,
            user=address.user,
            password=address.password,
            database=address.database,
            unix_socket=address.unix_socket,
            charset="utf8mb4",
            ssl=protection(address, settings().mysql_ca_file),
            connect_timeout=_CONNECT_TIMEOUT_S,
            read_timeout=read_timeout_s,
            write_timeout=read_timeout_s,
            init_command=_SESSION.format(lock_s=read_timeout_s * 3 // 5, statement_s=read_timeout_s - 1),
        )
        connection.query(_ISOLATION)
    except (pymysql.err.Error, OSError) as error:
        raise translated(error) from error
    return connection


class Database:
    """The one connection of a process: made when needed, re-made when lost. Not for several threads."""

    def __init__(self, url: str = "", read_timeout_s: int = _READ_TIMEOUT_S) -> None:
        self._url, self._read_timeout_s = url, read_timeout_s
        self._connection: Connection[Cursor] | None = None
        self._used_at_s = 0.0

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """Commit what the block did, or nothing. Raises RowsRefused or DatabaseAway.

        After DatabaseAway the outcome is unknown (the answer to COMMIT may be lost): do it again.
        """
        connection = self._connected()
        try:
            with connection.cursor() as cursor:
                yield cursor
            connection.commit()
        except (pymysql.err.Error, UnicodeEncodeError, OSError) as error:
            meaning = translated(error)
            self._end(connection, lost=isinstance(meaning, DatabaseAway))
            raise meaning from error
        except BaseException:  # ours, or the function's time is over: the connection's state is not known
            self._end(connection, lost=True)
            raise

    def close(self) -> None:
        """Close the connection; the next transaction opens another."""
        if self._connection is not None:
            self._end(self._connection, lost=True)

    def _connected(self) -> "Connection[Cursor]":
        if self._connection is not None and time.monotonic() - self._used_at_s > _TRUSTED_IDLE_S:
            try:
                self._connection.ping(reconnect=False)
            except (pymysql.err.Error, OSError):
                self._end(self._connection, lost=True)
        if self._connection is None:
            self._connection = connect(self._url, self._read_timeout_s)
        self._used_at_s = time.monotonic()
        return self._connection

    def _end(self, connection: "Connection[Cursor]", *, lost: bool) -> None:
        if not lost:
            try:
                connection.rollback()
                return
            except (pymysql.err.Error, OSError):
                pass  # then it is lost, and the server rolls back by itself
        connection._force_close()  # type: ignore[attr-defined]  # close() would wait to say goodbye
        self._connection = None


@cache
def database() -> Database:
    """Return this process' database."""
    return Database()


def migrate(url: str = "", *, dry_run: bool = False, folder: Path = MIGRATIONS) -> list[str]:
    """Apply the numbered SQL files that this database has not seen, and return their names in order.

    Two at once are safe: the second waits for the first and finds nothing to do. `dry_run` changes nothing.
    Raises DatabaseAway when the database cannot be reached, ValueError when a file is wrong.
    """
    connection = connect(url, read_timeout_s=_MIGRATE_TIMEOUT_S)
    try:
        with connection.cursor() as cursor:
            cursor.execute(_PATIENT)
            _lock(cursor)
            known = _applied(cursor)
            missing = [path for path in sorted(folder.glob("[0-9][0-9][0-9]_*.sql")) if path.name not in known]
            for path in [] if dry_run else missing:
                _apply(cursor, path)
                connection.commit()
            return [path.name for path in missing]
    except pymysql.err.Error as error:
        raise translated(error) from error
    finally:
        connection.close()  # gives the lock back too


def _lock(cursor: Cursor) -> None:
    """Wait for the advisory lock of this database (a name has 64 characters); it ends with the connection."""
    cursor.execute("SELECT GET_LOCK(CONCAT('onsale-migrate-', MD5(DATABASE())), %s)", (_MIGRATE_TIMEOUT_S // 2,))
    if cursor.fetchone() != (1,):
        raise DatabaseAway("another migration holds the lock")


def _applied(cursor: Cursor) -> set[str]:
    cursor.execute("SHOW TABLES LIKE 'schema_migrations'")
    if cursor.fetchone() is None:
        return set()
    cursor.execute("SELECT name FROM schema_migrations")
    return {str(row[0]) for row in cursor.fetchall()}


def _apply(cursor: Cursor, path: Path) -> None:
    """Run one file, then note it. DDL commits by itself, so each statement must be safe to run again."""
    cursor.execute(
        "CREATE TABLE IF NOT EXISTS schema_migrations (name VARCHAR(128) CHARACTER SET ascii "
        "COLLATE ascii_bin NOT NULL PRIMARY KEY, applied_at DATETIME(3) NOT NULL) ENGINE = InnoDB"
    )
    for statement in path.read_text(encoding="utf-8").split(";\n"):
        if statement.strip():
            cursor.execute(statement)
    cursor.execute("INSERT INTO schema_migrations VALUES (%s, UTC_TIMESTAMP(3))", (path.name,))


__all__ = ["Address", "Database", "DatabaseAway", "RowsRefused", "connect", "database", "migrate"]

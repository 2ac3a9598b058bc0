"""A MariaDB (or MySQL 8) server of our own: loopback, one user with a random password, database `onsale`."""

import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from ops.local import health
from ops.local.ports import HOST
from ops.local.program import Environment, Program, StartFailed, run_to_end

USER = "onsale"
DATABASE = "onsale"

_PATH = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
_INITIALISED = "onsale-initialised"  # written last, so that a half-done data folder is seen as one
_LOG_FILE_SIZE = "--innodb-log-file-size=32M"
# Whatever takes so long is on the way to be an outage: the functions write a batch in some ten milliseconds.
_SLOW = ("--slow-query-log=ON", "--long-query-time=0.5")


def installed() -> bool:
    """Say whether a server is on this machine."""
    return _server() is not None


def _server() -> tuple[str, bool] | None:
    """Return the server's path, and whether it is MariaDB."""
    mariadb = shutil.which("mariadbd", path=_PATH)
    if mariadb:
        return mariadb, True
    mysql = shutil.which("mysqld", path=_PATH)
    if mysql is None:
        return None
    version = subprocess.run([mysql, "--version"], capture_output=True, text=True, check=False).stdout
    return mysql, "mariadb" in version.lower()


def url(run: Path, port: int, password: str) -> str:
    """Return the MYSQL_URL of the server. MySQL 8 takes passwords over its socket only."""
    server = _server()
    socket = "" if server is None or server[1] else f"?unix_socket={run / 'mysql.sock'}"
    return f"mysql://{USER}:{password}@{HOST}:{port}/{DATABASE}{socket}"


def program(data: Path, run: Path, port: int, password: str) -> Program:
    """Describe the server; its preparation makes the data folder, each start sets the user's password."""
    server = _server()
    if server is None:
        raise StartFailed("mysql", "is missing: no mariadbd or mysqld on this machine (`make setup` installs it)")
    executable, mariadb = server
    start_sql = run / "mysql-start.sql"
    command = [
        executable,
        "--no-defaults",
        f"--datadir={data}",
        # MariaDB is reached over TCP, so its socket may lie in the data folder, where no path is too long.
        f"--socket={'mysql.sock' if mariadb else run / 'mysql.sock'}",
        f"--pid-file={data / 'mysql.pid'}",
        f"--port={port}",
        f"--bind-address={HOST}",
        f"--init-file={start_sql}",
        "--skip-name-resolve",
        "--character-set-server=utf8mb4",
        *_SLOW,
        f"--slow-query-log-file={data / 'slow-queries.log'}",
        _LOG_FILE_SIZE if mariadb else "--mysqlx=OFF",
        *_as_root(),
    ]

    def prepare(env: Environment) -> None:
        _write_start_sql(start_sql, password)
        if not (data / _INITIALISED).exists():
            _initialise(executable, data, env, mariadb=mariadb)

    return Program(
        name="mysql",
        command=tuple(command),
        port=port,
        prepare=prepare,
        answers=lambda: health.port_open(port) and health.mysql_answers(url(run, port, password)),
        start_within_s=60.0,
        stop_within_s=15.0,
    )


def _as_root() -> Sequence[str]:
    return ("--user=root",) if os.geteuid() == 0 else ()


def _write_start_sql(path: Path, password: str) -> None:
    lines = [f"CREATE DATABASE IF NOT EXISTS {DATABASE};"]
    for host in ("%", "localhost"):
        user = f"'{USER}'@'{host}'"
        lines += [
            f"CREATE USER IF NOT EXISTS {user};",
            f"ALTER USER {user} IDENTIFIED BY '{password}';",
            # Not only the one database: tests make theirs beside it.
            f"GRANT ALL ON `{DATABASE}%`.* TO {user};",
        ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n")


def _initialise(executable: str, data: Path, env: Environment, *, mariadb: bool) -> None:
    if data.exists():  # an earlier try was cut short
        shutil.rmtree(data)
    data.mkdir(parents=True)
    # Its own: two set-ups at once would find each other's temporary tables in /tmp.
    temporary = data.with_name(f"{data.name}-tmp")
    temporary.mkdir(exist_ok=True)
    options = [f"--datadir={data}", f"--tmpdir={temporary}", *_as_root()]
    if mariadb:
        command = ["mariadb-install-db", "--no-defaults", "--auth-root-authentication-method=socket"]
        command += ["--skip-test-db", "--skip-name-resolve", _LOG_FILE_SIZE]
    else:
        command = [executable, "--no-defaults", "--initialize-insecure"]
    run_to_end("mysql", "create its data folder", [*command, *options], env)
    shutil.rmtree(temporary)
    (data / _INITIALISED).touch()

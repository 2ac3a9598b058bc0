"""How a link logs in to Redis where the password is a secret: read when a connection is made, anew when it is refused.

Knows no command. A connection that is logged in stays so, whatever becomes of the password.
"""

import threading
from typing import TYPE_CHECKING, cast
from urllib.parse import unquote, urlsplit

from redis.connection import Connection, ConnectionPool
from redis.credentials import CredentialProvider
from redis.exceptions import AuthenticationError

if TYPE_CHECKING:  # most processes have no secret, and a buyer waits for what a cold start imports
    from chalicelib.secrets import Secret


class Login(CredentialProvider):
    """Gives redis-py the secret's password; the user is the secret's, else the URL's, else Redis' default one."""

    def __init__(self, arn: str, url: str = "") -> None:
        """Nothing is read before the first connection."""
        self._arn = arn
        self._username = unquote(urlsplit(url).username or "")
        self._threads = threading.local()

    def get_credentials(self) -> tuple[str] | tuple[str, str]:
        """Return what AUTH is sent with. Raises SecretUnavailable."""
        from chalicelib import secrets

        given = self._threads.given = secrets.secret(self._arn)
        username = given.username or self._username
        return (username, given.password) if username else (given.password,)

    def renewed(self) -> bool:
        """Say whether there is another password than the one this thread has sent last."""
        from chalicelib import secrets

        given: Secret | None = getattr(self._threads, "given", None)
        return given is not None and secrets.renewed(self._arn, given) is not None


def without_login(url: str) -> str:
    """Return a URL without its user: redis-py takes one from a single place."""
    scheme, separator, rest = url.partition("://")  # urlunsplit would lose a slash of a socket's
    authority, slash, path = rest.partition("/")
    return f"{scheme}{separator}{authority.rpartition('@')[2]}{slash}{path}"


def connected(pool: ConnectionPool) -> Connection:
    """Return a new connection of a pool, logged in; with another password where Redis refuses the first.

    Raises redis-py's errors, and SecretUnavailable.
    """
    made = cast(Connection, pool.make_connection())
    try:
        made.connect()
    except AuthenticationError:
        login = made.credential_provider
        if not isinstance(login, Login) or not login.renewed():
            raise
        made = cast(Connection, pool.make_connection())
        made.connect()
    return made

"""Where MySQL is, who logs in, and how the link is protected: what a connection is made from. Opens none.

The link is TLS wherever it leaves this machine, and whenever MYSQL_CA_FILE is set: the server's certificate and its
name are verified, and a server that offers no TLS is refused before it is told the user. A relative MYSQL_CA_FILE is
looked for in the project, or in the zip that it is packed in.
"""

import ssl
from dataclasses import dataclass, field
from functools import cache
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from chalicelib.errors import BadSetting, FieldError

_ROOT = Path(__file__).resolve().parent.parent  # of the project, and of the zip


@dataclass(frozen=True, slots=True)
class Address:
    """What `mysql://user:password@host:port/database` says; `?unix_socket=/path` wins over host and port."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    unix_socket: str | None

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Read a URL. Raises ValueError naming what is missing."""
        parts = urlsplit(url)
        database = unquote(parts.path.lstrip("/"))
        if parts.scheme != "mysql" or not database:
            raise ValueError("MYSQL_URL must look like mysql://user:password@host:3306/database")
        sockets = parse_qs(parts.query).get("unix_socket")
        return cls(
            host=parts.hostname or "127.0.0.1",
            port=parts.port or 3306,
            user=unquote(parts.username or "root"),
            password=unquote(parts.password or ""),
            database=database,
            unix_socket=sockets[0] if sockets else None,
        )

    @property
    def is_here(self) -> bool:
        """Whether the server is on this machine: then nobody listens on the way."""
        if self.unix_socket or self.host == "localhost":
            return True
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return False


def protection(address: Address, ca_file: str) -> ssl.SSLContext | None:
    """Return what the link is protected by, None where it need not be. Raises BadSetting for an unusable file."""
    if address.unix_socket or (address.is_here and not ca_file):
        return None
    return _verifying(ca_file)


@cache
def _verifying(ca_file: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(_ROOT / ca_file) if ca_file else None)
    except OSError as error:  # not there, or not PEM
        raise BadSetting([FieldError("MYSQL_CA_FILE", f"cannot be used: {error}")]) from error
    # As Python did before 3.13: authorities of one's own often lack an extension that RFC 5280 asks of them.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context

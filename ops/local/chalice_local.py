"""`chalice local` without its defects: serves the app through Chalice's own local server.

    python -m ops.local.chalice_local [--port N]

That server writes headers and body apart and unbuffered, which costs 44 ms per request (Nagle against delayed ACK),
it takes the chunks of a body for the next request, and it calls a route's authorizer on every request and whatever the
settings say. The gateway is the better server for anything but a look.
"""

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from chalice.app import Chalice
from chalice.config import Config
from chalice.local import (
    ChaliceRequestHandler,
    LocalDevServer,
    LocalGatewayAuthorizer,
    LocalGatewayException,
    ThreadedHTTPServer,
    create_local_server,
)

from chalicelib.config import settings
from chalicelib.errors import BadSetting
from ops.local import authorizing, local_identity, ports

MAX_CHUNKED_BYTES = 10 * 1024 * 1024
_PROJECT = str(Path(__file__).resolve().parents[2])
_payload_of_known_length = ChaliceRequestHandler._parse_payload


def _payload(handler: ChaliceRequestHandler) -> tuple[dict[str, str], bytes | None]:
    headers, body = _payload_of_known_length(handler)
    tokens = handler.headers.get_all("Authorization", [])
    if len(tokens) > 1:  # Chalice would take the first for the only one
        headers = {name: value for name, value in headers.items() if name.lower() != "authorization"}
        headers["Authorization"] = ",".join(tokens)
    if handler.headers.get("Transfer-Encoding", "").lower() == "chunked":
        body = _chunks(handler)
    return headers, body


def _chunks(handler: ChaliceRequestHandler) -> bytes:
    body: bytes = b""
    while size := int(handler.rfile.readline(64).split(b";")[0], 16):
        if size < 0:  # it would read until the client is gone
            raise ValueError(f"a chunk of {size} bytes")
        body += handler.rfile.read(min(size, MAX_CHUNKED_BYTES + 1))
        handler.rfile.readline(3)
        if len(body) > MAX_CHUNKED_BYTES:
            handler.close_connection = True
            return body
    while handler.rfile.readline(65_536).strip():
        continue  # trailers
    return body


def _any_method(handler: ChaliceRequestHandler, name: str) -> Callable[[], None]:
    """Find `do_TRACE` and the like, so that the app refuses a method and not http.server, with 501 and a page."""
    if not name.startswith("do_"):
        raise AttributeError(name)
    handle: Callable[[], None] = handler._generic_handle
    return handle


def _no_access_log(handler: ChaliceRequestHandler, format: str, *args: object) -> None:
    return None


class _Refused(LocalGatewayException):
    """An answer that is given in the app's stead."""

    def __init__(self, answer: authorizing.Event) -> None:
        super().__init__(answer["headers"], answer["body"].encode())
        self.CODE = answer["statusCode"]


def _authorizing(app: Chalice) -> Callable[..., tuple[authorizing.Event, Any]]:
    """Return what takes the place of Chalice's own way with authorizers: the gateway's."""
    gate = authorizing.Gate(app) if settings().identity == "jwt" else None

    def authorize(_: object, raw_path: str, event: authorizing.Event, context: Any) -> tuple[authorizing.Event, Any]:
        refusal = gate.refusal(event, context) if gate else None
        if refusal is not None:
            raise _Refused(refusal)
        return event, context

    return authorize


def make_server(app: Chalice, port: int) -> LocalDevServer:
    """Return the server, already listening. Chalice swaps the app's class for one that keeps requests per thread."""
    ChaliceRequestHandler.wbufsize = -1  # one packet per answer
    ThreadedHTTPServer.request_queue_size = 1024
    for name, replacement in (
        ("_parse_payload", _payload),
        ("log_message", _no_access_log),
        ("__getattr__", _any_method),
    ):
        setattr(ChaliceRequestHandler, name, replacement)
    LocalGatewayAuthorizer.authorize = _authorizing(app)  # type: ignore[method-assign]
    config = Config.create(project_dir=_PROJECT, chalice_app=app, chalice_stage="dev")
    return create_local_server(app, config, ports.HOST, port)


@click.command(help=__doc__)
@click.option("--port", type=click.IntRange(1, 65535), help="Port on 127.0.0.1.  [default: ONSALE_PORT]")
def main(port: int | None) -> None:
    """Serve the app on this machine."""
    try:
        chosen = settings()
        local_identity.check(chosen)
    except BadSetting as error:
        raise click.ClickException(str(error)) from error
    port = port or chosen.port
    if not ports.is_free(port):
        raise click.ClickException(f"port {port} of {ports.HOST} is taken: stop what listens there, or choose another")
    make_server(importlib.import_module("app").app, port).serve_forever()


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    main()

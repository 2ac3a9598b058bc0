"""The exporter's HTTP: GET /metrics, and /health, on 127.0.0.1. Whoever is too many waits for a place."""

import logging
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client.exposition import CONTENT_TYPE_LATEST

from ops.local.ports import HOST
from ops.metrics.exporter import Exporter

CONNECTIONS = 16
_IDLE_S = 5.0
_log = logging.getLogger(__name__)


class MetricsServer(ThreadingHTTPServer):
    """Serves an exporter, a bounded number of connections at a time, each for one request."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, exporter: Exporter) -> None:
        self.exporter = exporter
        self._places = threading.BoundedSemaphore(CONNECTIONS)
        super().__init__((HOST, port), _Handler)

    def process_request(self, request: socket.socket | tuple[bytes, socket.socket], address: Any) -> None:
        """Begin a connection when there is a place: further ones wait in the queue of the socket."""
        self._places.acquire()
        try:
            super().process_request(request, address)
        except BaseException:
            self._places.release()
            raise

    def process_request_thread(self, request: socket.socket | tuple[bytes, socket.socket], address: Any) -> None:
        """Serve one connection to its end."""
        try:
            super().process_request_thread(request, address)
        finally:
            self._places.release()

    def handle_error(self, request: socket.socket | tuple[bytes, socket.socket], address: Any) -> None:
        """Note what went wrong, unless it is that the client went away."""
        if not isinstance(sys.exception(), OSError):
            _log.exception("a scrape failed")


class _Handler(BaseHTTPRequestHandler):
    """One request."""

    server: MetricsServer
    timeout = _IDLE_S  # of a client that says nothing
    server_version, sys_version = "onsale", ""

    def do_GET(self) -> None:
        """Answer."""
        path = self.path.partition("?")[0]
        if path == "/metrics":
            self._answer(200, CONTENT_TYPE_LATEST, self.server.exporter.text())
        elif path == "/health":
            self._answer(200, "text/plain", b"ok\n")
        else:
            self._answer(404, "text/plain", b"the figures are at /metrics\n")

    def _answer(self, status: int, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing of each scrape."""

"""A gate before the emulator: it notes each call, and answers in the provider's place when a test tells it to."""

import email
import email.policy
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True, slots=True)
class Call:
    """A message as the provider was asked to send it."""

    channel: str
    to: str
    subject: str
    text: str
    sent: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Refusal:
    """An answer instead of the emulator's: an error, or (status 0) none: the connection is cut.

    `taken`: the emulator gets the call all the same, only its answer is lost.
    """

    status: int
    code: str = ""
    message: str = ""
    taken: bool = False


CUT = Refusal(0)
THROTTLED = Refusal(429, "TooManyRequestsException")
BROKEN = Refusal(500, "InternalFailure")
LOST_ANSWER = Refusal(0, taken=True)


def only(channel: str, refusal: Refusal, times: int = 1_000) -> Callable[[Call], Refusal | None]:
    """Return a rule by which the next calls of a channel fail."""
    left = iter([refusal] * times)
    return lambda call: next(left, None) if call.channel == channel else None


@dataclass(slots=True)
class Gate:
    """What went through, and who decides. `rule` may also wait, as a provider does that does not answer."""

    url: str
    calls: list[Call] = field(default_factory=list)  # all that were made
    taken: list[Call] = field(default_factory=list)  # those that the emulator has taken
    rule: Callable[[Call], Refusal | None] = lambda _: None

    def to(self, channel: str) -> list[str]:
        """To whom the emulator has sent over a channel, in order."""
        return [call.to for call in self.taken if call.channel == channel]


@contextmanager
def open_gate(emulator_url: str) -> Iterator[Gate]:
    """Serve on a free port, in threads, until the block ends."""
    gate = Gate("")
    emulator = urlsplit(emulator_url).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            call = _call(body)
            gate.calls.append(call)
            refusal = gate.rule(call)
            if refusal is None or refusal.taken:
                status, headers, answer = self._passed_on(body)
                if status == 200:
                    gate.taken.append(call)
            if refusal is not None and not refusal.status:
                self.close_connection = True
                return
            if refusal is not None:
                status, headers, answer = _error(refusal)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def _passed_on(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
            connection = HTTPConnection(emulator, timeout=60)
            try:
                connection.request("POST", self.path, body, dict(self.headers))
                answer = connection.getresponse()
                return answer.status, {"Content-Type": answer.getheader("Content-Type", "")}, answer.read()
            finally:
                connection.close()

        def log_message(self, format: str, *args: object) -> None:
            return

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: Any, client_address: Any) -> None:
            return  # a client that went away, mostly one that was killed

    server = Server(("127.0.0.1", 0), Handler)
    gate.url = f"http://127.0.0.1:{server.server_address[1]}"
    serving = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    serving.start()
    try:
        yield gate
    finally:
        server.shutdown()
        server.server_close()


def _call(body: bytes) -> Call:
    form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
    if form["Action"] == "SendRawEmail":
        mail = email.message_from_bytes(b64decode(form["RawMessage.Data"]), policy=email.policy.default)
        return Call("email", form["Destinations.member.1"], mail["Subject"], mail.get_content(), form)
    if "PhoneNumber" in form:
        return Call("sms", form["PhoneNumber"], "", form["Message"], form)
    return Call("topic", form["TopicArn"], "", form["Message"], form)


def _error(refusal: Refusal) -> tuple[int, dict[str, str], bytes]:
    body = (
        "<ErrorResponse><Error><Type>Sender</Type>"
        f"<Code>{refusal.code}</Code><Message>{refusal.message}</Message></Error></ErrorResponse>"
    )
    return refusal.status, {"Content-Type": "text/xml"}, body.encode()

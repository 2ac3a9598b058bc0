"""As much of CloudFormation, STS and Lambda as a command asks of them, over HTTP; it counts what it is sent."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote

ACCOUNT, REGION, FUNCTION = "123456789012", "eu-west-1", "onsale-prod-Operate-1A2B"
STACK_ID = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/onsale-prod/9f"
CALLER = f"arn:aws:sts::{ACCOUNT}:assumed-role/Operators/ann"
SILENCE, HANGING_UP = "silence", "hanging up"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of Lambda: a status with its body and headers, or SILENCE, or HANGING_UP."""

    body: object = None
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    manner: str = ""


def failed(kind: str, message: str) -> Reply:
    """Answer as a function does that ended in an error."""
    body = {"errorType": kind, "errorMessage": message, "stackTrace": ["  File secret.py, line 1"]}
    return Reply(body, headers={"X-Amz-Function-Error": "Unhandled"})


def refused(code: str, status: int) -> Reply:
    """Answer as Lambda does that refuses a call."""
    return Reply({"Type": "User", "Message": f"{code} it is"}, status, {"x-amzn-ErrorType": code})


@dataclass(slots=True)
class Aws:
    """What AWS answers, and what it was asked."""

    url: str = ""
    outputs: dict[str, str] = field(default_factory=lambda: {"Url": "https://x", "OperateFunction": FUNCTION})
    stack_refusal: tuple[int, str, str] | None = None
    knows_caller: bool = True
    replies: list[Reply] = field(default_factory=list)
    invoked: list[tuple[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def query(self, action: str) -> tuple[int, str]:
        """Answer the query protocol of CloudFormation and STS."""
        self.asked.append(action)
        if action == "GetCallerIdentity":
            if not self.knows_caller:
                return 403, _error("AccessDenied", "not for you")
            return 200, f"<R><GetCallerIdentityResult><Arn>{CALLER}</Arn></GetCallerIdentityResult></R>"
        if self.stack_refusal:
            status, code, message = self.stack_refusal
            return status, _error(code, message)
        outputs = "".join(
            f"<member><OutputKey>{name}</OutputKey><OutputValue>{value}</OutputValue></member>"
            for name, value in self.outputs.items()
        )
        stack = (
            f"<StackId>{STACK_ID}</StackId><StackName>onsale-prod</StackName><StackStatus>CREATE_COMPLETE</StackStatus>"
        )
        stacks = f"<Stacks><member>{stack}<Outputs>{outputs}</Outputs></member></Stacks>"
        return 200, f"<R><DescribeStacksResult>{stacks}</DescribeStacksResult></R>"


def _error(code: str, message: str) -> str:
    return f"<ErrorResponse><Error><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"


@contextmanager
def serving() -> Iterator[Aws]:
    """Serve on a free port of the loopback interface."""
    aws = Aws()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if "/functions/" not in self.path:
                status, text = aws.query(parse_qs(body.decode())["Action"][0])
                return self._send(status, text.encode(), {"Content-Type": "text/xml"})
            aws.invoked.append((unquote(self.path.split("/")[3]), json.loads(body)))
            reply = aws.replies.pop(0) if aws.replies else Reply({"result": {"sales": [], "next": None}})
            if reply.manner == SILENCE:
                aws.over.wait()
            if reply.manner:
                self.close_connection = True
                return None
            content = reply.body if isinstance(reply.body, bytes) else json.dumps(reply.body).encode()
            return self._send(reply.status, content, reply.headers)

        def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    aws.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield aws
    finally:
        aws.over.set()
        server.shutdown()
        server.server_close()

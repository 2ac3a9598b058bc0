"""The event source in front of a service that speaks Lambda's Invoke API."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from ops.local.event_source.invocation import FunctionFailed, NotInvoked
from ops.local.event_source.remote_function import RemoteFunction
from tests.conftest import Eventually
from tests.functions.event_sources import Batch, Source, failing

Reply = tuple[int, dict[str, str], bytes]
EVENT = b'{"records":{}}'


class Service:
    """A server with the one route POST /2015-03-31/functions/NAME/invocations. Answers as told."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.paths: list[str] = []
        self.reply: Callable[[Batch], Reply] = lambda batch: (200, {}, b"null")
        service = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                event = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                records = [each for group in event["records"].values() for each in group]
                service.batches.append([(each["partition"], each["offset"]) for each in records])
                service.paths.append(f"{self.path} {self.headers['X-Amz-Invocation-Type']}")
                status, headers, body = service.reply(service.batches[-1])
                self.send_response(status)
                for name, value in {"x-amzn-RequestId": "id-1", "Content-Length": str(len(body)), **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Keeps quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[Service]:
    """A service on a free port, and nobody's credentials."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    running = Service()
    yield running
    running.close()


@pytest.fixture
def function(service: Service) -> Iterator[RemoteFunction]:
    """The function `toy` of the service; its time-out is a second."""
    made = RemoteFunction(service.url, "toy", 1.0)
    yield made
    made.close()


def test_an_answer_comes_back_decoded(service: Service, function: RemoteFunction) -> None:
    service.reply = lambda batch: (200, {"X-Amz-Executed-Version": "$LATEST"}, b'{"batchItemFailures":[]}')

    assert function.invoke(EVENT) == {"batchItemFailures": []}
    assert service.paths == ["/2015-03-31/functions/toy/invocations RequestResponse"]
    assert function.request_id == "id-1"


def test_no_answer_is_none(function: RemoteFunction, service: Service) -> None:
    service.reply = lambda batch: (200, {}, b"")

    assert function.invoke(EVENT) is None


@pytest.mark.parametrize(
    ("reply", "error", "said"),
    [
        ((200, {"X-Amz-Function-Error": "Unhandled"}, b'{"errorMessage":"no"}'), FunctionFailed, "Unhandled.*no"),
        ((200, {}, b"<html>"), FunctionFailed, "not JSON"),
        ((429, {"x-amzn-ErrorType": "TooManyRequestsException"}, b"{}"), NotInvoked, "TooManyRequests"),
        ((404, {"x-amzn-ErrorType": "ResourceNotFoundException"}, b"{}"), NotInvoked, "ResourceNotFound"),
        ((500, {"x-amzn-ErrorType": "ServiceException"}, b"{}"), NotInvoked, "ServiceException"),
    ],
)
def test_a_failure_of_the_function_is_told_from_one_of_the_service(
    service: Service, function: RemoteFunction, reply: Reply, error: type[Exception], said: str
) -> None:
    service.reply = lambda batch: reply

    with pytest.raises(error, match=said):
        function.invoke(EVENT)
    assert len(service.batches) == 1  # the client does not retry: the event source counts


def test_nobody_there_means_not_invoked(service: Service, function: RemoteFunction) -> None:
    service.close()

    with pytest.raises(NotInvoked):
        function.invoke(EVENT)


def test_batches_go_through_the_service_in_order_and_a_function_error_counts_as_an_attempt(
    source: Source, service: Service, function: RemoteFunction, eventually: Eventually
) -> None:
    source.produce(*[b"x"] * 4)
    error = (200, {"X-Amz-Function-Error": "Unhandled"}, b"{}")
    busy = (429, {"x-amzn-ErrorType": "TooManyRequestsException"}, b"{}")
    replies = iter([busy, busy, busy, error, (200, {}, json.dumps(failing(source, (0, 2))).encode())])
    service.reply = lambda batch: next(replies, (200, {}, b"null"))

    source.start(function, batch_size=4, window_s=5, max_retries=1)
    eventually(lambda: source.committed() == {0: 4})

    offsets = [[offset for _, offset in batch] for batch in service.batches]
    assert offsets == [[0, 1, 2, 3]] * 5 + [[2, 3]]

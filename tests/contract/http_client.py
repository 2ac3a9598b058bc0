"""A plain HTTP client that sends exactly what a test says and nothing more."""

import http.client
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

from tests.contract.conformance import faults


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; header names in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.text)

    @property
    def code(self) -> str:
        """The code of a problem document, after looking at the document's form."""
        problem = self.json
        assert self.headers["content-type"] == "application/problem+json"
        assert problem["type"] == f"urn:onsale:problem:{problem['code']}"
        assert problem["status"] == self.status
        assert problem["title"]
        assert problem["detail"]
        assert problem["requestId"] == self.headers["x-request-id"] != ""
        assert self.headers["cache-control"] == "no-store"
        return str(problem["code"])

    @property
    def bad_fields(self) -> list[str]:
        """The fields that an invalid-request names, sorted."""
        assert self.code == "invalid-request"
        assert self.status == 400
        assert all(error["detail"] for error in self.json["errors"])
        return sorted(error["field"] for error in self.json["errors"])


@dataclass(frozen=True, slots=True)
class Api:
    """One server, and one sale of it if `sale_id` is given."""

    name: str
    port: int
    sale_id: str = ""
    is_onsale: bool = True  # every answer must keep the contract; false for another app behind the same server

    def of_sale(self, sale_id: str) -> "Api":
        """Return the same server, talking about a sale."""
        return Api(self.name, self.port, sale_id, self.is_onsale)

    def path(self, path: str) -> str:
        """Return the full path of a sale's route."""
        if path == "/sale":
            return f"/api/v1/sales/{self.sale_id}" if self.sale_id else "/api/v1/sale"
        return f"/api/v1/sales/{self.sale_id}{path}" if self.sale_id else f"/api/v1{path}"

    def send(
        self, method: str, target: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Send one request on a connection of its own. Nothing is added but Host, and Content-Length to a body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.putrequest(method, target, skip_accept_encoding=True)
            if body is not None:
                connection.putheader("Content-Length", str(len(body)))
            for name, value in (headers or {}).items():
                connection.putheader(name, value)
            connection.endheaders(body)
            response = connection.getresponse()
            text = response.read().decode()
            answer = Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, text)
        finally:
            connection.close()
        if self.is_onsale and not self._is_chalice_s_own(method, answer):
            wrong = faults(method, target, answer.status, answer.headers, text)
            assert not wrong, f"{method} {target} {answer.status} is not what docs/openapi.json says: {wrong}"
        return answer

    def _is_chalice_s_own(self, method: str, answer: Answer) -> bool:
        """Tell whether an answer is not ours: a preflight, or how `chalice local` says that there is no such route."""
        is_problem = "problem" in answer.headers.get("content-type", "")
        return method == "OPTIONS" or (self.name == "chalice local" and answer.status == 403 and not is_problem)

    def get(self, path: str, headers: Mapping[str, str] | None = None, **query: str | int) -> Answer:
        """GET a sale's route."""
        return self.send("GET", self.path(path) + _query(query), headers=headers)

    def post(self, path: str, body: object = None, **query: str | int) -> Answer:
        """POST to a sale's route: JSON if there is a body, else neither body nor Content-Type."""
        if body is None:
            return self.send("POST", self.path(path) + _query(query))
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.send("POST", self.path(path) + _query(query), raw, {"Content-Type": "application/json"})

    def raw(self, request: bytes, patience_s: float = 60.0) -> bytes:
        """Send bytes and return what the server says until it closes the connection, or nothing more for so long."""
        answer = b""
        with socket.create_connection(("127.0.0.1", self.port), timeout=patience_s) as connection:
            connection.sendall(request)
            try:
                while part := connection.recv(65_536):
                    answer += part
            except TimeoutError:
                pass
        return answer


def _query(values: Mapping[str, str | int]) -> str:
    return "?" + urlencode(values, quote_via=quote) if values else ""

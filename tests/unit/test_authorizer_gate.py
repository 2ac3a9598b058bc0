"""What the local gateway does with a route's authorizer: as API Gateway, seen with authorizers that do as they like."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from chalice.app import AuthRequest, AuthResponse, AuthRoute, Chalice

from app import app as onsale
from chalicelib.config import settings
from ops.local import authorizing
from ops.local.authorizing import API_ARN, DEFAULT_TTL_S, Gate, allows, allows_all, guarded
from tests.conftest import LATE_S
from tests.forging import SECRET


class Context:
    """Of one invocation."""

    aws_request_id = "request-1"


class Shop:
    """An app with two guarded routes and an open one, and an authorizer that answers what the test says."""

    def __init__(self, ttl_seconds: int | None = 60, routes: list[Any] | None = None) -> None:
        self.asked: list[str] = []
        self.fault: Exception | None = None
        self.app = Chalice(app_name="shop", configure_logs=False)

        @self.app.authorizer(ttl_seconds=ttl_seconds)
        def keeper(request: AuthRequest) -> AuthResponse:
            self.asked.append(f"{request.auth_type} {request.token} {request.method_arn}")
            if self.fault:
                raise self.fault
            return AuthResponse(routes or ["*"], principal_id=request.token.upper(), context={"more": "told"})

        @self.app.route("/mine", methods=["GET", "POST"], authorizer=keeper)
        @self.app.route("/other", methods=["GET"], authorizer=keeper, name="other")
        @self.app.route("/open", methods=["GET"], name="open")
        def answer() -> object:
            return (self.app.current_request or pytest.fail("no request")).context.get("authorizer")

        self.now_s = 1_000.0  # of a clock that stands still until it is turned
        self.gate = Gate(self.app, clock=lambda: self.now_s)

    def ask(self, token: str | None = "ann", path: str = "/mine", method: str = "GET") -> tuple[int, Any]:  # noqa: S107
        """Return the status of the refusal and what it says, or 200 and what the app is told of the caller."""
        asked = event(token, path, method)
        refusal = self.gate.refusal(asked, Context())
        if refusal is None:
            return 200, asked["requestContext"].get("authorizer")
        assert refusal["headers"]["Content-Type"] == "application/problem+json"
        assert refusal["headers"]["Access-Control-Allow-Origin"] == "*"
        assert refusal["headers"]["X-Request-Id"] == "request-1"
        return refusal["statusCode"], refusal["body"]


def event(token: str | None, path: str = "/mine", method: str = "GET") -> dict[str, Any]:
    return {
        "requestContext": {"resourcePath": path, "httpMethod": method, "path": path},
        "headers": {} if token is None else {"authorization": token},
        "multiValueQueryStringParameters": None,
        "pathParameters": None,
        "stageVariables": None,
        "body": None,
    }


def test_the_app_is_told_the_principal_and_what_else_the_authorizer_said() -> None:
    assert Shop().ask() == (200, {"principalId": "ANN", "more": "told"})


def test_the_authorizer_is_asked_as_api_gateway_asks() -> None:
    shop = Shop()
    shop.ask("ann", "/mine", "POST")
    assert shop.asked == [f"TOKEN ann {API_ARN}/POST/mine"]


def test_without_a_token_the_authorizer_is_not_asked_at_all() -> None:
    shop = Shop()
    for token in (None, ""):
        status, body = shop.ask(token)
        assert status == 401
        assert '"unauthenticated"' in body
    assert shop.asked == []


def test_a_route_without_an_authorizer_is_open_and_a_method_that_is_not_there_is_the_apps_matter() -> None:
    shop = Shop()
    assert shop.ask(None, "/open") == (200, None)
    assert shop.ask(None, "/mine", "DELETE") == (200, None)
    assert shop.asked == []


def test_an_answer_is_kept_by_token_for_its_time_and_for_all_routes() -> None:
    shop = Shop(ttl_seconds=60)
    for path in ("/mine", "/other", "/mine"):
        assert shop.ask("ann", path)[0] == 200
        shop.now_s += 29
    assert len(shop.asked) == 1
    assert shop.ask("bob")[0] == 200
    assert shop.ask("ann")[0] == 200
    assert [line.split()[1] for line in shop.asked] == ["ann", "bob", "ann"]


def test_what_one_request_does_to_its_context_is_not_kept() -> None:
    shop = Shop()
    _, told = shop.ask()
    told["principalId"] = "somebody else"
    assert shop.ask()[1]["principalId"] == "ANN"


@pytest.mark.parametrize(("ttl_s", "asked"), [(0, 3), (None, 1)])
def test_a_time_of_zero_keeps_nothing_and_none_means_api_gateways(ttl_s: int | None, asked: int) -> None:
    shop = Shop(ttl_seconds=ttl_s)
    for _ in range(3):
        shop.ask()
        shop.now_s += (DEFAULT_TTL_S - 1) / 3
    assert len(shop.asked) == asked


def test_a_refusal_is_not_kept() -> None:
    shop = Shop()
    shop.fault = Exception("Unauthorized")
    assert shop.ask()[0] == 401
    shop.fault = None
    assert shop.ask()[0] == 200


def test_an_authorizer_that_fails_is_an_error_of_ours_and_tells_nothing() -> None:
    shop = Shop()
    for fault in (ValueError("secret words"), Exception("unauthorized"), Exception("Unauthorized token")):
        shop.fault = fault
        status, body = shop.ask()
        assert status == 500
        assert '"internal-error"' in body
        assert str(fault) not in body


def test_a_policy_that_does_not_name_the_route_is_a_401_as_the_gateway_responses_have_it() -> None:
    shop = Shop(routes=[AuthRoute("/mine", ["GET"])])
    assert shop.ask("ann", "/mine")[0] == 200
    assert shop.ask("ann", "/mine", "POST")[0] == 401
    assert shop.ask("ann", "/other")[0] == 401


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ([], False),
        ([{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": "*"}], True),
        ([{"Effect": "Allow", "Action": ["execute-api:*"], "Resource": [f"{API_ARN}/*/a"]}], True),
        ([{"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": [f"{API_ARN}/POST/a"]}], False),
        ([{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}], False),
        ([{"Effect": "Deny", "Action": "execute-api:Invoke", "Resource": "*"}], False),
        (
            [
                {"Effect": "Allow", "Action": "*", "Resource": "*"},
                {"Effect": "Deny", "Action": "execute-api:Invoke", "Resource": f"{API_ARN}/GET/*"},
            ],
            False,
        ),
        ([{"Effect": "Allow"}], False),
    ],
)
def test_a_policy_allows_what_it_says_and_a_deny_outweighs(statements: list[dict[str, Any]], allowed: bool) -> None:
    assert allows({"Statement": statements}, f"{API_ARN}/GET/a") is allowed
    assert allowed or not allows_all({"Statement": statements})


def test_a_policy_that_leaves_anything_out_does_not_allow_all() -> None:
    everything = {"Effect": "Allow", "Action": "execute-api:Invoke", "Resource": [f"{API_ARN}/*/*"]}
    assert allows_all({"Statement": [everything]})
    assert not allows_all({"Statement": [{**everything, "Resource": [f"{API_ARN}/GET/*"]}]})
    assert not allows_all({"Statement": [everything, {**everything, "Effect": "Deny", "Resource": f"{API_ARN}/GET/a"}]})


def test_no_more_answers_are_kept_than_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authorizing, "MAX_KEPT", 5)
    shop = Shop()
    for number in range(23):
        assert shop.ask(f"user-{number}")[0] == 200
        assert len(shop.gate._kept) <= 5


@pytest.fixture
def identity(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The settings of the process, to be set."""
    settings.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    settings.cache_clear()


def test_in_mode_trusted_the_app_is_called_directly(identity: object) -> None:
    assert guarded(onsale) is onsale


def test_in_mode_jwt_a_route_that_is_reached_past_its_authorizer_is_unauthenticated(
    identity: pytest.MonkeyPatch,
) -> None:
    for name, value in (("IDENTITY", "jwt"), ("JWT_SECRET", SECRET), ("JWT_AUDIENCE", "a"), ("JWT_ISSUER", "i")):
        identity.setenv(name, value)
    for told in (None, {}, {"principalId": ""}, {"principalId": 5}, {"principalId": "a b"}, {"sub": "ann"}):
        asked = event("Bearer whatever", "/api/v1/queue/enter", "POST")
        asked["multiValueQueryStringParameters"] = {"userId": ["ann"]}
        if told is not None:
            asked["requestContext"]["authorizer"] = told
        answer = onsale(asked, Context())
        assert answer["statusCode"] == 401
        assert '"unauthenticated"' in answer["body"]
    before_s = time.monotonic()
    refused = guarded(onsale)(event(None, "/api/v1/queue/enter", "POST"), Context())
    assert (refused["statusCode"], time.monotonic() - before_s < LATE_S) == (401, True)

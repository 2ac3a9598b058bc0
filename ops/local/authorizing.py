"""What API Gateway does with the authorizer of a route (type TOKEN): calls it, keeps its answer by token, or refuses.

Works on the event of a proxy integration, so any server that has one can use it. Knows how Chalice declares an
authorizer and how Lambda answers; what a good token is only the authorizer knows.
"""

import time
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from chalice.app import Chalice, ChaliceAuthorizer

from chalicelib.api.responses import log, problem
from chalicelib.config import settings
from chalicelib.identity import PRINCIPAL

Event = dict[str, Any]
Invoke = Callable[[Event, Any], Event]
Aside = Callable[[Callable[[], Event]], Event]

UNAUTHORIZED = "Unauthorized"  # an exception with this text is a 401 to API Gateway, every other one a 500
API_ARN = "arn:aws:execute-api:local:000000000000:onsale/local"
DEFAULT_TTL_S = 300  # API Gateway's, for an authorizer that names none
MAX_KEPT = 10_000


def _at_once(call: Callable[[], Event]) -> Event:
    return call()


def guarded(app: Chalice, aside: Aside = _at_once) -> Invoke:
    """Return what to call with an event: the app, behind its authorizers where identity is `jwt`.

    In mode `trusted` that is the app itself: nobody has a token there. `aside` runs an authorizer where it may take
    its time: it may have to fetch the issuer's keys.
    """
    if settings().identity != "jwt":
        invoke: Invoke = app
        return invoke
    gate = Gate(app, aside)

    def authorized(event: Event, context: Any) -> Event:
        return gate.refusal(event, context) or app(event, context)

    return authorized


class _Kept(NamedTuple):
    """What an authorizer answered about a token."""

    policy: Event
    everywhere: bool  # it allows every route, as most do: that need not be worked out on each request
    context: dict[str, Any]
    until_s: float


class Gate:
    """The authorizers of an app. For any number of threads."""

    def __init__(self, app: Chalice, aside: Aside = _at_once, clock: Callable[[], float] = time.monotonic) -> None:
        self._aside, self._clock = aside, clock
        self._authorizers: dict[tuple[str, str], ChaliceAuthorizer] = {}
        for template, views in app.routes.items():
            for method, view in views.items():
                declared: object = view.authorizer  # Chalice's types call it something else than it puts there
                if isinstance(declared, ChaliceAuthorizer):
                    self._authorizers[template, method] = declared
        self._kept: dict[tuple[str, str], _Kept] = {}

    def refusal(self, event: Event, context: Any) -> Event | None:
        """Return the answer to a request that must not reach the app, else None with the event told who calls.

        401 for no token, and where the policy does not allow, as our gateway responses have it: no policy of ours
        allows some routes only. 500 where the authorizer fails.
        """
        request = event["requestContext"]
        authorizer = self._authorizers.get((request["resourcePath"], request["httpMethod"]))
        if authorizer is None:
            return None
        token = event["headers"].get(authorizer.config.header.lower())
        if not token:
            return _unauthenticated(context)
        arn = f"{API_ARN}/{request['httpMethod']}{request['path']}"
        kept = self._kept.get((authorizer.name, token))
        if kept is None or self._clock() >= kept.until_s:
            asked = self._ask(authorizer, token, arn, context)
            if not isinstance(asked, _Kept):
                return asked
            kept = asked
        if not kept.everywhere and not allows(kept.policy, arn):
            return _unauthenticated(context)
        request["authorizer"] = kept.context.copy()
        return None

    def _ask(self, authorizer: ChaliceAuthorizer, token: str, arn: str, context: Any) -> _Kept | Event:
        """Invoke the authorizer; its policy is kept, a refusal is not (as in API Gateway)."""
        asked = {"type": "TOKEN", "authorizationToken": token, "methodArn": arn}
        try:
            answer = self._aside(lambda: authorizer(asked, context))
        except Exception as error:  # noqa: BLE001  whatever a function raises, Lambda reports
            if str(error) == UNAUTHORIZED:
                return _unauthenticated(context)
            log.error("request %s: the authorizer failed: %s: %s", _id(context), type(error).__name__, error)
            return _answer(context, "internal-error", "")
        ttl_s = authorizer.config.ttl_seconds
        until_s = self._clock() + (DEFAULT_TTL_S if ttl_s is None else ttl_s)
        principal = {**answer.get("context", {}), PRINCIPAL: answer["principalId"]}
        policy = answer["policyDocument"]
        kept = _Kept(policy, allows_all(policy), principal, until_s)
        if ttl_s != 0:
            if len(self._kept) >= MAX_KEPT:
                self._kept = {}
            self._kept[authorizer.name, token] = kept
        return kept


def allows(policy: Event, arn: str) -> bool:
    """Say whether an IAM policy lets somebody call a method: a Deny outweighs every Allow, and nothing is a no."""
    effects = {
        statement.get("Effect")
        for statement in policy.get("Statement", [])
        if any(fnmatchcase("execute-api:Invoke", action) for action in _each(statement.get("Action")))
        and any(fnmatchcase(arn, resource) for resource in _each(statement.get("Resource")))
    }
    return effects == {"Allow"}


def allows_all(policy: Event) -> bool:
    """Say whether an IAM policy lets somebody call every method, which one with a Deny is not asked for."""
    statements = policy.get("Statement", [])
    return all(each.get("Effect") == "Allow" for each in statements) and allows(policy, f"{API_ARN}/*/*")


def _each(value: object) -> Iterator[str]:
    yield from [value] if isinstance(value, str) else value if isinstance(value, list) else []


def _unauthenticated(context: Any) -> Event:
    answer = _answer(context, "unauthenticated", "A valid bearer token is required.")
    answer["headers"]["WWW-Authenticate"] = "Bearer"
    return answer


def _answer(context: Any, code: str, detail: str) -> Event:
    """Answer as the gateway responses of a deployed stage do: in the app's words, though it was never asked."""
    response = problem(_id(context), code, detail)
    response.headers["X-Request-Id"] = _id(context)
    answer: Event = response.to_dict()
    return answer


def _id(context: Any) -> str:
    return str(context.aws_request_id)

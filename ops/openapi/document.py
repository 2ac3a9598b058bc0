"""The OpenAPI 3.1 document of the API: made of the app's routes, what they promise, and what their handlers ask for."""

import inspect
import json
from importlib.metadata import version
from typing import Any

from chalice.app import Chalice

from chalicelib.api.contract import CONTRACTS, Answer, Contract
from ops.documents import camel
from ops.openapi import given
from ops.openapi.asked import Questions, ask
from ops.openapi.headers import answer_headers, headers
from ops.openapi.problems import problem_examples, problem_responses, problem_schemas
from ops.openapi.schemas import Schema, reference, schemas
from ops.openapi.words import ANSWERS, BUYERS

EVERYWHERE = ("body-too-large", "too-many-requests", "headers-too-large", "internal-error")
OF_A_SALE = ("invalid-request", "no-such-sale", "store-unavailable")
OF_A_CALLER = ("unauthenticated", "not-yours")
WITH_A_BODY = ("invalid-json", "invalid-request", "unsupported-media-type")
ON_NO_ROUTE = ("no-such-route", "method-not-allowed")

_TAGS = {
    "queue": ("Waiting room", "Enter, ask where one stands, leave."),
    "reservations": ("Reservations", "Reserve, confirm, cancel."),
    "payments": ("Payment provider", "What became of a payment, signed by who has the secret. Not for buyers."),
    "sales": ("Sale", "What everybody may see, and where to write to a buyer."),
    "openapi": ("Contract", "This document and its page."),
}
_DESCRIPTION = """
A sale's routes exist twice: under `/api/v1/sales/{saleId}`, and under `/api/v1` for the default sale. JSON in and out,
UTF-8, camelCase; times are ISO 8601 in UTC with milliseconds. Within v1 members are only added.

**Parameters** come in the query or as members of a JSON object in the body; a GET has a query only. One that is given
twice must say the same. An integer is taken for its decimal text.

**Every request may be sent again**: the first answer comes again and nothing changes. Send 5xx and 429 again after
`Retry-After`, with jitter; never another 4xx. A buyer who waits asks again after `pollAfterSeconds`, plus jitter.

**Errors** are `application/problem+json` (RFC 9457); programs decide by `code`. Any other path is 404 `no-such-route`,
any other method of a path 405 `method-not-allowed` with `Allow`.

**Caching**: `no-store`, but for what is the same for everybody: that may be kept for a while and has a strong `ETag`.

**CORS**: any origin. OPTIONS answers 200 with the path's methods in `Access-Control-Allow-Methods`.
""".strip()
_LINKS: dict[tuple[str, int], dict[str, tuple[str, ...]]] = {
    ("enter_queue", 202): {"queue_status": ("userId",)},
    ("enter_queue", 200): {"reserve": ("userId",)},
    ("reserve", 201): {"confirm": ("userId", "reservationId"), "cancel": ("userId", "reservationId")},
}
_PLACES = {
    "userId": "$response.body#/userId",
    "reservationId": "$response.body#/reservation/reservationId",
}


class UndeclaredError(Exception):
    """A route does not say what it answers."""


class _Document:
    """The document while it is made; what several routes answer alike is kept once."""

    def __init__(self) -> None:
        self.paths: dict[str, Schema] = {}
        self.responses: dict[str, Schema] = {}
        self.bodies: dict[str, Schema] = {}
        for _, (name, response) in problem_responses(ON_NO_ROUTE).items():
            self.responses[name] = response

    def add(self, path: str, method: str, route: Any, paired: bool) -> None:
        """Add an operation; `paired` says that the handler is that of a sale."""
        handler = inspect.unwrap(route.view_function)
        contract = CONTRACTS.get(handler)
        if contract is None:
            raise UndeclaredError(f"{method} {path}: {handler.__name__} needs @promises of chalicelib.api.contract")
        questions = Questions((), (), names_caller=False) if contract.takes_nothing else ask(handler)
        takes_body = method != "GET"
        summary, _, more = (inspect.getdoc(handler) or "").partition("\n")
        operation: Schema = {
            "operationId": camel(route.view_name),
            "tags": [_tag(handler)],
            "summary": summary.rstrip("."),
        }
        if more.strip():
            operation["description"] = more.strip()
        asked = [each for each in questions.parameters if not each.body_only]
        parameters = [given.in_query(each, questions, has_body=takes_body) for each in asked]
        if "{saleId}" in path:
            parameters.insert(0, given.sale_in_path())
        if contract.is_public:
            parameters.append(given.IF_NONE_MATCH)
        if "invalid-signature" in contract.refusals:
            parameters.append(given.SIGNATURE)
        operation["parameters"] = parameters
        if takes_body:
            name = camel(handler.__name__)
            self.bodies[name] = given.body(questions, route.content_types, handler.__name__)
            operation["requestBody"] = {"$ref": f"#/components/requestBodies/{name}"}
        if route.authorizer is not None:
            operation["security"] = [{}, {"bearer": []}]
        codes = _codes(contract, questions, paired=paired, takes_body=takes_body, has_path="{saleId}" in path)
        operation["responses"] = self._responses(route.view_name, contract, codes, paired)
        self.paths.setdefault(path, {})[method.lower()] = operation

    def _responses(self, view: str, contract: Contract, codes: set[str], paired: bool) -> Schema:
        found: dict[int, Schema] = {}
        for answer in contract.answers:
            told = _answer(view, answer, contract, paired)
            found[answer.status] = told if "links" in told else self._kept(f"{answer.status}-{_base(view)}", told)
        if contract.is_public:
            headers_of_200 = _answer(view, contract.answers[0], contract, paired)["headers"]
            unchanged = {"description": "Nothing has changed.", "headers": headers_of_200}
            found[304] = self._kept(f"304-{_base(view)}", unchanged)
        for status, (name, response) in problem_responses(codes).items():
            found[status] = self._kept(name, response)
        return {str(status): response for status, response in sorted(found.items())}

    def _kept(self, name: str, response: Schema) -> Schema:
        self.responses[name] = response
        return {"$ref": f"#/components/responses/{name}"}


def _base(view: str) -> str:
    return camel(view.removesuffix("_of_sale"))


def _codes(contract: Contract, questions: Questions, *, paired: bool, takes_body: bool, has_path: bool) -> set[str]:
    """Return every code that a route may answer with."""
    codes = {*contract.refusals, *EVERYWHERE}
    if paired:
        codes.update(OF_A_SALE)
    if not questions.parameters and not has_path:
        codes.discard("invalid-request")
    if takes_body:
        codes.update(WITH_A_BODY)
    if questions.names_caller:
        codes.update(OF_A_CALLER)
    return codes


def _answer(view: str, answer: Answer, contract: Contract, paired: bool) -> Schema:
    told: Schema = {
        "description": answer.meaning,
        "headers": answer_headers(is_public=contract.is_public, in_sale=paired, content_type=answer.content_type),
    }
    if answer.body:
        told["content"] = {answer.content_type: {"schema": reference(answer.body)}}
    handler, suffix = view.removesuffix("_of_sale"), "_of_sale" if view.endswith("_of_sale") else ""
    states = ANSWERS.get((handler, answer.status))
    if states:
        told["content"][answer.content_type]["examples"] = {state: {"value": BUYERS[state]} for state in states}
    links = _LINKS.get((handler, answer.status))
    if links:
        told["links"] = {camel(to): _link(to + suffix, names, suffix) for to, names in links.items()}
    return told


def _link(to: str, names: tuple[str, ...], suffix: str) -> Schema:
    in_path = {"path.saleId": "$response.body#/saleId"} if suffix else {}
    in_query = {f"query.{name}": _PLACES[name] for name in names}
    return {"operationId": camel(to), "parameters": {**in_path, **in_query}}


def _tag(handler: Any) -> str:
    return _TAGS[handler.__module__.rpartition(".")[2]][0]


def document(app: Chalice) -> Schema:
    """Return the document. Raises UndeclaredError for a route that does not say what it answers."""
    made = _Document()
    handlers = [inspect.unwrap(each.view_function) for views in app.routes.values() for each in views.values()]
    for path, views in app.routes.items():
        for method, route in views.items():
            made.add(path, method, route, paired=handlers.count(inspect.unwrap(route.view_function)) == 2)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "onsale",
            "version": version("onsale"),
            "summary": "A fair queue and an atomic reservation, for sales with more buyers than stock.",
            "description": _DESCRIPTION,
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "tags": [{"name": name, "description": text} for name, text in _TAGS.values()],
        "paths": made.paths,
        "components": {
            "schemas": {**schemas(), **problem_schemas()},
            "responses": dict(sorted(made.responses.items())),
            "requestBodies": made.bodies,
            "headers": headers(),
            "examples": problem_examples(),
            "securitySchemes": {
                "bearer": {
                    "type": "http",
                    "scheme": "bearer",
                    "bearerFormat": "JWT",
                    "description": "The buyer is the token's subject. Needed wherever the API is deployed; "
                    "on one machine the API may be set to believe `userId` instead.",
                }
            },
        },
    }


def spelled(found: Schema) -> str:
    """Return the document as it is kept for people: indented, a line for each difference."""
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def packed(found: Schema) -> str:
    """Return the document as it is sent: without a blank."""
    return json.dumps(found, separators=(",", ":"), ensure_ascii=False)

"""The API that is deployed: its stage, who may call what, and what API Gateway says by itself."""

import json
import re
from collections.abc import Iterator

import pytest

from app import app
from chalicelib.api.contract import CONTRACTS
from chalicelib.api.responses import EXPOSED_HEADERS, PROBLEMS, SECURITY_HEADERS
from chalicelib.authorizer import TTL_S
from tests.packages import Document, Package, body, methods, of_type

# What API Gateway answers by itself, and what that is in our words.
OWN_ERRORS = {
    "MISSING_AUTHENTICATION_TOKEN": (404, "no-such-route"),
    "RESOURCE_NOT_FOUND": (404, "no-such-route"),
    "INVALID_SIGNATURE": (404, "no-such-route"),
    "EXPIRED_TOKEN": (404, "no-such-route"),
    "UNAUTHORIZED": (401, "unauthenticated"),
    "ACCESS_DENIED": (401, "unauthenticated"),
    "THROTTLED": (429, "too-many-requests"),
    "QUOTA_EXCEEDED": (429, "too-many-requests"),
    "REQUEST_TOO_LARGE": (413, "body-too-large"),
    "UNSUPPORTED_MEDIA_TYPE": (415, "unsupported-media-type"),
    "BAD_REQUEST_BODY": (400, "invalid-request"),
    "BAD_REQUEST_PARAMETERS": (400, "invalid-request"),
    "INTEGRATION_TIMEOUT": (503, "store-unavailable"),
    "INTEGRATION_FAILURE": (503, "store-unavailable"),
    "AUTHORIZER_FAILURE": (500, "internal-error"),
    "AUTHORIZER_CONFIGURATION_ERROR": (500, "internal-error"),
    "DEFAULT_4XX": (None, "invalid-request"),
    "DEFAULT_5XX": (None, "internal-error"),
}


def test_every_route_of_the_app_is_deployed(arm: Package) -> None:
    ours = {(path, method) for path, entries in app.routes.items() for method in entries}
    assert {(path, method) for path, method, _ in methods(arm)} == ours


def test_the_stage_is_called_live_and_stands_in_one_region(arm: Package) -> None:
    (stage,) = of_type(arm.transformed, "AWS::ApiGateway::Stage").values()
    (api,) = of_type(arm.transformed, "AWS::ApiGateway::RestApi").values()
    assert stage["Properties"]["StageName"] == "live"
    assert api["Properties"]["EndpointConfiguration"] == {"Types": ["REGIONAL"]}
    assert "/api/v1/sale" in api["Properties"]["Body"]["paths"]


def test_how_much_the_stage_takes_is_a_parameter(arm: Package) -> None:
    (stage,) = of_type(arm.transformed, "AWS::ApiGateway::Stage").values()
    (settings,) = stage["Properties"]["MethodSettings"]
    assert (settings["ResourcePath"], settings["HttpMethod"]) == ("/*", "*")
    assert settings["ThrottlingBurstLimit"] == {"Ref": "BurstLimit"}
    assert settings["ThrottlingRateLimit"] == {"Ref": "RateLimit"}
    for name in ("BurstLimit", "RateLimit"):
        assert arm.template["Parameters"][name]["Type"] == "Number"


def test_requests_go_to_the_published_alias_and_may(arm: Package) -> None:
    integrations = [method["x-amazon-apigateway-integration"] for _, _, method in methods(arm)]
    assert len(integrations) > 15
    for integration in integrations:
        text, values = integration["uri"]["Fn::Sub"]
        assert "/functions/${Target}/invocations" in text
        assert "${APIHandler.Arn}" not in json.dumps(integration)
        assert values == {"Target": {"Ref": "APIHandler.Alias"}}
    permission = arm.transformed["Resources"]["APIHandlerInvokePermission"]["Properties"]
    assert permission["FunctionName"] == {"Ref": "APIHandlerAliaslive"}
    uris = {json.dumps(each) for each in _uris(arm.transformed["Resources"]["RestAPI"]["Properties"]["Body"])}
    assert len(uris) == 1
    assert "APIHandlerAliaslive" in uris.pop()


def _uris(document: Document) -> Iterator[Document]:
    for of_path in document["paths"].values():
        for name, method in of_path.items():
            if name != "options":
                yield method["x-amazon-apigateway-integration"]["uri"]


def test_every_route_of_a_buyer_is_behind_the_authorizer_and_only_those(arm: Package) -> None:
    for path, method, said in methods(arm):
        handler = _unwrapped(app.routes[path][method].view_function)
        is_buyers = app.routes[path][method].authorizer is not None
        assert bool(said.get("security")) == is_buyers, f"{method} {path}"
        if handler in CONTRACTS and CONTRACTS[handler].is_public:
            assert not is_buyers, f"{method} {path}"
    guarded = {path for path, _, said in methods(arm) if said.get("security")}
    # By name, too: a route that forgets both its promise and its authorizer would agree with itself.
    for path, method, _ in methods(arm):
        if re.search(r"/(queue|reservations|contact)(/|$)", path):
            assert path in guarded, f"{method} {path}"


def _unwrapped(function: object) -> object:
    return getattr(function, "__wrapped__", function)


def test_the_authorizer_is_a_function_of_its_own_whose_answer_is_kept_for_a_minute_at_most(arm: Package) -> None:
    (name, said), *others = body(arm)["securityDefinitions"].items()
    assert not others
    assert {json.dumps(each["security"]) for _, _, each in methods(arm) if each.get("security")} == {
        json.dumps([{name: []}])
    }
    authorizer = said["x-amazon-apigateway-authorizer"]
    assert authorizer["type"] == "token"
    assert authorizer["authorizerResultTtlInSeconds"] == TTL_S <= 60
    assert "${JwtAuth.Arn}" in json.dumps(authorizer["authorizerUri"])
    properties = arm.functions["JwtAuth"]
    assert properties["Handler"] == "chalicelib.authorizer.jwt_auth"
    assert properties["CodeUri"] == "authorizer.zip"
    permission = arm.transformed["Resources"]["JwtAuthInvokePermission"]["Properties"]
    assert "JwtAuth" in json.dumps(permission["FunctionName"])


def test_all_that_api_gateway_says_itself_is_said_in_our_words(arm: Package) -> None:
    assert set(body(arm)["x-amazon-apigateway-gateway-responses"]) == set(OWN_ERRORS)


@pytest.mark.parametrize("kind", OWN_ERRORS)
def test_what_api_gateway_says_itself_is_a_problem_document_that_a_browser_may_read(arm: Package, kind: str) -> None:
    status, code = OWN_ERRORS[kind]
    answer = body(arm)["x-amazon-apigateway-gateway-responses"][kind]
    assert answer.get("statusCode") == (None if status is None else str(status))
    (text,) = answer["responseTemplates"].values()
    document = json.loads(
        text.replace("$context.error.messageString", '"it\'s \\"so\\""').replace("$context.requestId", "1")
    )
    title = PROBLEMS[code].title
    assert document.pop("status", None) == status  # DEFAULT_… stand for many
    assert document == {
        "type": f"urn:onsale:problem:{code}",
        "title": title,
        "code": code,
        "detail": 'it\'s "so"',
        "requestId": "1",
    }
    headers = {
        name.removeprefix("gatewayresponse.header."): value for name, value in answer["responseParameters"].items()
    }
    assert headers["Access-Control-Allow-Origin"] == "'*'"
    assert headers["Access-Control-Expose-Headers"] == f"'{','.join(EXPOSED_HEADERS)}'"
    assert headers["Content-Type"] == "'application/problem+json'"
    assert headers["Cache-Control"] == "'no-store'"
    assert set(SECURITY_HEADERS) <= set(headers)
    assert ("Retry-After" in headers) == (status in (429, 503))

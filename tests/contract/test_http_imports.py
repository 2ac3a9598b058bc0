"""What the HTTP functions load: a cold start is what a buyer waits for."""

import sys

from tests.contract import loading

ALLOWED = {"app", "chalice", "chalicelib", "redis", "hiredis"}
PROBED = {"cryptography", "cryptography.__about__"}  # redis looks whether it is installed, and loads no more of it
SCRIPT = """
import json, sys
before = set(sys.modules)
import app
if sys.argv[1] == "request":
    path = sys.argv[3] if len(sys.argv) > 3 else "/api/v1/queue/enter"
    event = {
        "requestContext": {"resourcePath": path, "httpMethod": "GET" if path == "/health" else "POST"},
        "headers": {}, "pathParameters": None, "stageVariables": None, "body": None,
        "multiValueQueryStringParameters": {"userId": ["ann"]},
    }
    answer = app.app(event, None)
    assert answer["statusCode"] == int(sys.argv[2]), answer
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def _loaded(*arguments: str, **env: str) -> set[str]:
    return {name.partition(".")[0] for name in loading.loaded(SCRIPT, *arguments, **env) - PROBED}


def _foreign(loaded: set[str]) -> set[str]:
    return {name for name in loaded if name not in sys.stdlib_module_names and name not in ALLOWED}


def test_importing_the_app_loads_the_standard_library_redis_and_chalice_only() -> None:
    assert _foreign(_loaded("import")) == set()


def test_a_first_request_loads_nothing_else(redis_url: str, new_sale: object) -> None:
    assert callable(new_sale)
    sale_id = new_sale(capacity=1_000_000, sale_id="import-sale", max_active=1_000_000)
    loaded = _loaded("request", "200", REDIS_URL=redis_url, DEFAULT_SALE=str(sale_id))
    assert _foreign(loaded) == set()


def test_importing_the_app_needs_no_setting(redis_url: str) -> None:
    assert "chalicelib" in _loaded("import", REDIS_URL="not a url", MAX_BODY_BYTES="x")


def test_a_deployed_function_refuses_to_believe_anybody() -> None:
    for path in ("/api/v1/queue/enter", "/health"):
        _loaded("request", "500", path, AWS_LAMBDA_FUNCTION_NAME="onsale-live-APIHandler")


def test_a_deployed_function_that_is_told_to_take_tokens_answers_and_still_loads_none_of_what_reads_them(
    redis_url: str,
) -> None:
    deployed = {"AWS_LAMBDA_FUNCTION_NAME": "onsale-live-APIHandler", "IDENTITY": "jwt", "REDIS_URL": redis_url}
    for status, path in (("200", "/health"), ("401", "/api/v1/queue/enter")):  # past its authorizer
        assert _foreign(_loaded("request", status, path, **deployed)) == set()

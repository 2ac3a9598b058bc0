"""The handlers, run from their zips alone, with what Lambda's Python brings and nothing else of this machine's."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from chalicelib.authorizer import TTL_S
from tests.forging import AUDIENCE, ISSUER, SECRET, claims, signed
from tests.packages import FUNCTIONS, ROOT, Document, Package

IN_LAMBDA = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")
METHOD = "arn:aws:execute-api:eu-central-1:123456789012:api/live/GET/api/v1/queue/status"
START = """
import importlib, json, sys
sys.path[:] = [*sys.argv[1:3], *(path for path in sys.path if "site-packages" not in path)]
module, _, name = sys.argv[3].rpartition(".")
handler = getattr(importlib.import_module(module), name)
class Context:
    aws_request_id = "r-1"
    function_name = "f"
    def get_remaining_time_in_millis(self):
        return 10_000
"""
SAY = "print(json.dumps({'answer': answer, 'loaded': sorted(sys.modules)}))"
CALL = f"{START}\nanswer = handler(json.loads(sys.argv[4]), Context())\n{SAY}"
IMPORT = f"{START}\nassert callable(handler); answer = None\n{SAY}"


@pytest.fixture(scope="module")
def lambda_runtime(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What Lambda's Python brings itself: boto3 with what it imports."""
    folder = tmp_path_factory.mktemp("runtime")
    for name in IN_LAMBDA:
        path = Path(str(importlib.import_module(name).__file__))
        path = path.parent if path.name == "__init__.py" else path
        (folder / path.name).symlink_to(path)
    return folder


class Runner:
    """Runs code with the unpacked zip of a function, in a process that has nothing else of ours."""

    def __init__(self, package: Package, runtime: Path, unpacked: Path) -> None:
        self._package, self._runtime, self._unpacked = package, runtime, unpacked

    def run(self, code: str, function: str, event: object = None, **settings: str) -> dict[str, Any]:
        """Return what the code prints."""
        properties = self._package.functions[function]
        folder = self._package.unpack(properties["CodeUri"], self._unpacked)
        words = [str(folder), str(self._runtime), properties["Handler"], json.dumps(event)]
        env = {"PATH": os.environ["PATH"], "AWS_LAMBDA_FUNCTION_NAME": function, "IDENTITY": "jwt", **settings}
        done = subprocess.run(
            [sys.executable, "-I", "-c", code, *words],
            env=env,
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )
        assert done.returncode == 0, done.stderr
        printed: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return printed


@pytest.fixture(scope="module")
def runner(here: Package, lambda_runtime: Path, tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """The functions' zips, unpacked and ready."""
    return Runner(here, lambda_runtime, tmp_path_factory.mktemp("unpacked"))


@pytest.mark.parametrize("function", sorted(FUNCTIONS))
def test_every_handler_can_be_imported_from_its_zip_alone(runner: Runner, function: str) -> None:
    loaded = runner.run(IMPORT, function)["loaded"]
    if function in ("APIHandler", "JwtAuth", "Promote"):  # cold starts that somebody waits for
        assert not {"boto3", "botocore", "confluent_kafka", "pymysql", "aws_lambda_powertools"} & set(loaded)
    if function == "JwtAuth":
        assert not {"app", "redis", "chalicelib.api", "chalicelib.wiring"} & set(loaded)


JWT = {"JWT_SECRET": SECRET, "JWT_ALGORITHM": "HS256", "JWT_AUDIENCE": AUDIENCE, "JWT_ISSUER": ISSUER}


def test_the_authorizer_answers_for_all_routes_at_once_because_its_answer_is_kept(runner: Runner) -> None:
    token = {"type": "TOKEN", "authorizationToken": f"Bearer {signed(claims(), SECRET, 'HS256')}", "methodArn": METHOD}
    answer = runner.run(CALL, "JwtAuth", token, **JWT)["answer"]
    assert answer["principalId"] == "ann"
    (statement,) = answer["policyDocument"]["Statement"]
    assert (statement["Effect"], statement["Action"]) == ("Allow", "execute-api:Invoke")
    resources = statement["Resource"]
    assert [each.split("/", 2)[2] for each in resources] == ["*/*"], "a policy for one method would be kept for all"
    assert 0 < TTL_S <= 60


def test_the_authorizer_denies_a_bad_token_everything_without_failing(runner: Runner) -> None:
    token = {"type": "TOKEN", "authorizationToken": "Bearer no.such.token", "methodArn": METHOD}
    answer = runner.run(CALL, "JwtAuth", token, **JWT)["answer"]
    assert [(each["Effect"], each["Resource"]) for each in answer["policyDocument"]["Statement"]] == [("Deny", ["*"])]


def _request(authorizer: Document | None, **headers: str) -> Document:
    """Return what API Gateway sends for POST /queue/enter."""
    return {
        "resource": "/api/v1/queue/enter",
        "path": "/api/v1/queue/enter",
        "httpMethod": "POST",
        "headers": {"Host": "api.example", **headers},
        "multiValueHeaders": {},
        "queryStringParameters": {"userId": "ann"},
        "multiValueQueryStringParameters": {"userId": ["ann"]},
        "pathParameters": None,
        "stageVariables": None,
        "requestContext": {
            "resourcePath": "/api/v1/queue/enter",
            "path": "/live/api/v1/queue/enter",
            "httpMethod": "POST",
            "stage": "live",
            "requestId": "r-1",
            "identity": {"sourceIp": "192.0.2.1"},
            **({"authorizer": authorizer} if authorizer is not None else {}),
        },
        "body": None,
        "isBase64Encoded": False,
    }


NO_REDIS = {"REDIS_URL": "redis://127.0.0.1:1", "DEFAULT_SALE": "demo", **JWT}


def _code(answer: Document) -> tuple[int, str]:
    return answer["statusCode"], json.loads(answer["body"])["code"]


def test_the_api_takes_the_caller_from_the_authorizer_and_never_from_a_token(runner: Runner) -> None:
    token = f"Bearer {signed(claims(), SECRET, 'HS256')}"
    past_it = runner.run(CALL, "APIHandler", _request(None, Authorization=token), **NO_REDIS)["answer"]
    assert _code(past_it) == (401, "unauthenticated")
    another = runner.run(CALL, "APIHandler", _request({"principalId": "bob"}), **NO_REDIS)["answer"]
    assert _code(another) == (403, "not-yours")
    own = runner.run(CALL, "APIHandler", _request({"principalId": "ann"}), **NO_REDIS)
    assert _code(own["answer"]) == (503, "store-unavailable")  # as far as one gets without Redis


def test_a_deployed_stage_refuses_to_believe_anybody(runner: Runner) -> None:
    settings = {**NO_REDIS, "IDENTITY": "trusted"}
    assert _code(runner.run(CALL, "APIHandler", _request(None), **settings)["answer"]) == (500, "internal-error")


def test_settings_that_cannot_be_used_are_answered_in_the_words_of_the_contract(runner: Runner) -> None:
    settings = {**NO_REDIS, "REDIS_URL": "nowhere"}
    answer = runner.run(CALL, "APIHandler", _request({"principalId": "ann"}), **settings)["answer"]
    assert _code(answer) == (500, "internal-error")
    assert answer["headers"]["Access-Control-Allow-Origin"] == "*"  # or a browser could not read it
    assert "nowhere" not in answer["body"]


def test_the_functions_find_their_sql_where_it_is_packed(runner: Runner) -> None:
    code = (
        f"{START}\nfrom functions.mysql import MIGRATIONS\nanswer = [each.name for each in MIGRATIONS.iterdir()]\n{SAY}"
    )
    ours = sorted(path.name for path in (ROOT / "infra/mysql").glob("*.sql"))
    assert sorted(runner.run(code, "Operate")["answer"]) == ours

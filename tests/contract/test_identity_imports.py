"""What the authorizer loads: a function of its own, packaged without the rest of the app."""

import sys

from tests.contract import loading
from tests.forging import AUDIENCE, ISSUER, SECRET, claims, signed

PACKAGED = {
    "authorizer",
    "tokens",
    "key_sets",
    "token_rules",
    "identity",
    "config",
    "setting_declarations",
    "setting_conflicts",
    "redis_urls",
    "secrets",
    "errors",
    "rates",
    "setting_values",
}
LIBRARIES = {"chalice", "jwt", "cryptography", "cffi", "_cffi_backend", "_openssl", "typing_extensions"}
SCRIPT = """
import json, sys
before = set(sys.modules)
from chalicelib.authorizer import jwt_auth
if len(sys.argv) > 1:
    event = {"type": "TOKEN", "authorizationToken": sys.argv[1], "methodArn": "arn:aws:execute-api:r:1:api/live/GET/a"}
    assert jwt_auth(event, None)["principalId"] == "ann"
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def _loaded(*arguments: str) -> set[str]:
    settings = {"IDENTITY": "jwt", "JWT_SECRET": SECRET, "JWT_AUDIENCE": AUDIENCE, "JWT_ISSUER": ISSUER}
    return loading.loaded(SCRIPT, *arguments, **settings)


def _libraries(loaded: set[str]) -> set[str]:
    tops = {name.partition(".")[0] for name in loaded}
    return {name for name in tops if name not in sys.stdlib_module_names} - {"chalicelib"}


def test_routes_can_refer_to_the_authorizer_without_what_verifies() -> None:
    assert _libraries(_loaded()) == {"chalice"}


def test_the_authorizer_verifies_with_its_own_libraries_and_a_few_modules() -> None:
    loaded = _loaded(f"Bearer {signed(claims(), SECRET, 'HS256')}")
    assert _libraries(loaded) <= LIBRARIES
    assert {"jwt", "cryptography"} <= _libraries(loaded)
    ours = {name.removeprefix("chalicelib.") for name in loaded if name.startswith("chalicelib.")}
    assert ours == PACKAGED

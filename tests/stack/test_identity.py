"""`IDENTITY=jwt` on one machine: what `up` makes of it, and the tokens that `onsale token` mints."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest

from chalicelib.errors import BadSetting
from ops.local import addresses, local_identity, ports
from ops.local.home import Home
from ops.local.stack import Stack
from tests.forging import AUDIENCE, ISSUER, SECRET, claims, jwk, jwks, rsa_key, signed

QUICK = ("redis", "sale", "gateway")
Onsale = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home that no `up` has touched; whatever a test starts there is stopped after it."""
    home = Home(tmp_path / "home")
    yield home
    Stack(home).down()


@pytest.fixture
def shell() -> dict[str, str]:
    """The environment of a shell in which all default ports are free ones."""
    names = addresses.PORT_OF.values()
    return {**os.environ, **dict(zip(names, map(str, ports.free_ports(len(names))), strict=True))}


@pytest.fixture
def onsale(tmp_path: Path) -> Onsale:
    """Run a command line in a home without a stack."""

    def run(*words: str, home: Path = tmp_path / "none", **settings: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "import sys; from ops.cli import main; sys.exit(main())", *words],
            env={**os.environ, "ONSALE_HOME": str(home), **settings},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )

    return run


def enter(stack: Stack, token: str = "") -> tuple[int, Any]:
    request = urllib.request.Request(stack.env["ONSALE_URL"] + "/api/v1/queue/enter", method="POST")  # noqa: S310
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, json.load(refused)


def test_identity_jwt_works_with_nothing_else_set(home: Home, shell: dict[str, str], onsale: Onsale) -> None:
    stack = Stack(home, environment={**shell, "IDENTITY": "jwt"}, only=QUICK)
    stack.up()
    assert enter(stack)[0] == 401
    minted = onsale("token", "ann", home=home.path)
    assert minted.returncode == 0, minted.stderr
    status, body = enter(stack, minted.stdout.strip())
    assert (status, body["userId"]) == (200, "ann")
    assert len(stack.env["JWT_SECRET"]) >= 64
    assert oct(home.env_file.stat().st_mode & 0o777) == "0o600"

    again = Stack(home, environment=shell, only=QUICK)
    assert {each.condition for each in again.up()} == {"running"}
    assert again.env["JWT_SECRET"] == stack.env["JWT_SECRET"]

    trusting = Stack(home, environment={**shell, "IDENTITY": "trusted"}, only=QUICK)
    assert "restarted" in {each.condition for each in trusting.up()}
    assert [name for name in home.read_env() if name.startswith("JWT_")] == []
    assert enter(trusting)[0] == 400  # which asks for a userId, and for no token


def test_an_issuers_keys_take_the_place_of_the_secret(
    home: Home, shell: dict[str, str], tmp_path: Path, onsale: Onsale
) -> None:
    keys = tmp_path / "jwks.json"
    keys.write_bytes(jwks(jwk(rsa_key())))
    issuer = {"IDENTITY": "jwt", "JWT_JWKS_FILE": str(keys), "JWT_AUDIENCE": AUDIENCE, "JWT_ISSUER": ISSUER}
    stack = Stack(home, environment={**shell, **issuer}, only=QUICK)
    stack.up()
    assert enter(stack, signed(claims(sub="bob")))[1]["userId"] == "bob"
    minted = onsale("token", "ann", home=home.path)
    assert (minted.returncode, minted.stdout) == (1, "")
    assert ISSUER in minted.stderr


REFUSED: dict[str, tuple[dict[str, str], str]] = {
    "a secret and nothing to go with it": ({"JWT_SECRET": SECRET}, "JWT_AUDIENCE"),
    "an audience and no key": ({"JWT_AUDIENCE": "a", "JWT_ISSUER": "i"}, "JWT_JWKS_URL"),
    "a file that is not there": ({"JWT_JWKS_FILE": "no.json", "JWT_AUDIENCE": "a", "JWT_ISSUER": "i"}, "JWT_JWKS_FILE"),
    "a short secret": ({"JWT_SECRET": "short", "JWT_AUDIENCE": "a", "JWT_ISSUER": "i"}, "32 bytes"),
}


@pytest.mark.parametrize(("settings", "named"), REFUSED.values(), ids=REFUSED)
def test_an_identity_that_lets_nobody_in_stops_the_start(
    home: Home, shell: dict[str, str], settings: dict[str, str], named: str
) -> None:
    with pytest.raises(BadSetting, match=named):
        Stack(home, environment={**shell, "IDENTITY": "jwt", **settings}, only=QUICK).up()


@pytest.mark.parametrize("server", ["gateway", "chalice_local"])
def test_a_server_that_is_started_by_itself_refuses_such_settings_too(server: str) -> None:
    (port,) = ports.free_ports(1)
    ended = subprocess.run(
        [sys.executable, "-m", f"ops.local.{server}", "--port", str(port)],
        env={**os.environ, "IDENTITY": "jwt", "JWT_SECRET": SECRET},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert ended.returncode == 1
    assert "JWT_AUDIENCE" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_new_identity_is_whole_and_the_one_before_it_gives_way() -> None:
    before = {"IDENTITY": "jwt", "JWT_SECRET": SECRET, "JWT_AUDIENCE": "onsale", "JWT_ISSUER": "onsale-local"}
    fresh = {"JWT_JWKS_URL": "https://a.example/", "JWT_ISSUER": "i"}
    shell = {**fresh, "JWT_AUDIENCE": "onsale"}
    assert local_identity.complete({**before, **fresh}, fresh, shell) == {"IDENTITY": "jwt", **shell}
    assert local_identity.complete(before, {}, {}) == before
    assert local_identity.complete(before, {}, before) == before
    trusted = {"IDENTITY": "trusted"}
    assert local_identity.complete({**before, **trusted}, trusted, before) == trusted
    other = {"JWT_AUDIENCE": "other"}
    assert local_identity.complete({**before, **other}, other, other) == {**before, **other}


MINTING = {"IDENTITY": "jwt", "JWT_SECRET": SECRET, "JWT_AUDIENCE": AUDIENCE, "JWT_ISSUER": ISSUER}


def test_a_minted_token_says_who_for_whom_and_until_when(onsale: Onsale) -> None:
    minted = json.loads(onsale("token", "auth0|ann", "--minutes", "5", "--json", **MINTING).stdout)
    said = jwt.decode(minted["token"], SECRET, algorithms=["HS256"], audience=AUDIENCE, issuer=ISSUER)
    assert (said["sub"], minted["userId"]) == ("auth0|ann", "auth0|ann")
    assert said["exp"] - said["iat"] == 300
    assert minted["expiresAt"].endswith("Z")


@pytest.mark.parametrize(
    ("words", "settings", "code", "said"),
    [
        (("ann",), {}, 2, "IDENTITY"),
        (("ann",), {**MINTING, "JWT_AUDIENCE": ""}, 2, "JWT_AUDIENCE"),
        (("a b",), MINTING, 2, "USER"),
        (("",), MINTING, 2, "USER"),
        (("ann", "--minutes", "0"), MINTING, 2, "minutes"),
        (("ann",), {**MINTING, "JWT_SECRET": "", "JWT_JWKS_URL": "https://a.example/"}, 1, ISSUER),
    ],
)
def test_a_token_that_cannot_be_minted_is_refused_and_nothing_is_printed(
    onsale: Onsale, words: tuple[str, ...], settings: dict[str, str], code: int, said: str
) -> None:
    ended = onsale("token", *words, **settings)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert said in ended.stderr
    assert SECRET not in ended.stderr

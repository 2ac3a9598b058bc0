"""What identity costs a request: `enter` with a bearer token, kept and new, beside `enter` in mode `trusted`.

Tokens are RS256, whose verification is what an issuer's customers pay. All three rates are of the same buyers, who
wait already, so that they differ by identity alone.
"""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from chalicelib.sale.model import SalePlan, SaleSettings
from chalicelib.sale.store import SaleStore
from ops.bench import sales, servers
from ops.bench.figures import Figure, in_turn
from ops.bench.http import parse
from ops.local import health
from ops.local.ports import HOST, free_ports
from ops.local.program import Program

_ROUNDS = 3
_SECONDS = 3
_CONNECTIONS, _THREADS = 32, 2
_BUYERS = 2_000
_ISSUER, _AUDIENCE, _SALE = "bench", "onsale", "line"
_SCRIPT = Path(__file__).with_name("wrk") / "tokens.lua"


def measure() -> list[Figure]:
    """Return the rates with tokens beside those without. Needs wrk."""
    if shutil.which("wrk") is None:
        raise FileNotFoundError("wrk is missing: make bench installs it")
    with ExitStack() as stack:
        url, _ = stack.enter_context(servers.redis_server())
        folder = stack.enter_context(servers.folder())
        store = SaleStore(sales.link(url))
        settings = SaleSettings(payment="required", max_active=1, admit_per_second=0, active_ms=3_600_000)
        store.create_sale(SalePlan(_SALE, settings, capacity=1_000_000))
        store.enter_queue(_SALE, "0")  # takes the only place, so that everybody else waits
        tokens, identity = _issue(folder)
        env = {"REDIS_URL": url, "DEFAULT_SALE": _SALE}
        trusted = stack.enter_context(_gateway("trusted", env))
        guarded = stack.enter_context(_gateway("jwt", {**env, **identity}))
        without, kept, fresh = in_turn(
            _ROUNDS,
            lambda: _rate(trusted, tokens, "user"),
            lambda: _rate(guarded, tokens, "kept"),
            lambda: _rate(guarded, tokens, "new"),
        )
    return [
        Figure("enter with a token seen before", kept, "req/s", without, "enter, trusted"),
        Figure("enter with a new token (RS256)", fresh, "req/s", without, "enter, trusted"),
    ]


def _issue(folder: Path) -> tuple[Path, dict[str, str]]:
    """Write a key set and a token for every buyer; return the tokens' file and the settings that go with them."""
    key = rsa.generate_private_key(65537, 2048)
    keys, tokens = folder / "jwks.json", folder / "tokens"
    keys.write_text(json.dumps({"keys": [json.loads(RSAAlgorithm.to_jwk(key.public_key()))]}))
    claims = {"iss": _ISSUER, "aud": _AUDIENCE, "exp": int(time.time()) + 3_600}
    users = [f"buyer-{number}" for number in range(_BUYERS)]
    tokens.write_text("".join(f"{user} {jwt.encode({**claims, 'sub': user}, key, 'RS256')}\n" for user in users))
    settings = {"IDENTITY": "jwt", "JWT_JWKS_FILE": str(keys), "JWT_AUDIENCE": _AUDIENCE, "JWT_ISSUER": _ISSUER}
    return tokens, settings


@contextmanager
def _gateway(name: str, env: dict[str, str]) -> Iterator[int]:
    (port,) = free_ports(1)
    command = (sys.executable, "-m", "ops.local.gateway", "--port", str(port))
    program = Program(name, command, lambda: health.port_open(port), port=port)
    with servers.folder() as path, servers.serving(program, path, env):
        yield port


def _rate(port: int, tokens: Path, mode: str) -> float:
    """Return the good answers per second. Raises RuntimeError if one in a hundred was not good."""
    words = ["wrk", f"-t{_THREADS}", f"-c{_CONNECTIONS}", f"-d{_SECONDS}s", "-s", str(_SCRIPT), f"http://{HOST}:{port}"]
    words += ["--", "/api/v1/queue/enter", str(tokens), mode]
    output = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    good, bad, errors, micros = parse(output)
    if bad + errors > good / 100:
        raise RuntimeError(f"{mode}: {good} good answers, {bad} others, {errors} connection errors")
    return good / (micros / 1e6)

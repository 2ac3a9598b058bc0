"""What identity costs a request: `enter` with a bearer token, kept and new, beside `enter` in mode `trusted`.

Tokens are RS256, whose verification is what an issuer's customers pay. All three rates are of the same buyers, who
wait already, so that they differ by identity alone.
"""

import json
import time
from contextlib import ExitStack
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from ops.bench import load, sales, servers
from ops.bench.figures import Figure, in_turn
from ops.bench.http import create_line

_ROUNDS = 3
_SECONDS = 3
_CONNECTIONS = 32
_BUYERS = 2_000
_ISSUER, _AUDIENCE, _SALE = "bench", "onsale", "line"
_SCRIPT = Path(__file__).with_name("wrk") / "tokens.lua"


def measure() -> list[Figure]:
    """Return the rates with tokens beside those without. Needs wrk."""
    load.need_wrk()
    with ExitStack() as stack:
        url, _ = stack.enter_context(servers.redis_server())
        folder = stack.enter_context(servers.folder())
        create_line(sales.link(url), _SALE)
        tokens, identity = _issue(folder)
        env = {"REDIS_URL": url, "DEFAULT_SALE": _SALE}
        trusted = stack.enter_context(load.gateway(env, name="trusted"))
        guarded = stack.enter_context(load.gateway({**env, **identity}, name="jwt"))
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


def _rate(port: int, tokens: Path, mode: str) -> float:
    """Return the good answers per second. Raises RuntimeError if one in a hundred was not good."""
    words = ["/api/v1/queue/enter", str(tokens), mode]
    return load.run_wrk(port, _SCRIPT, words, _CONNECTIONS, _SECONDS, mode)

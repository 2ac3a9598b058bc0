"""Which tokens are good, and whose they are: every attack that we know of, with real keys, and no socket."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app import app
from chalicelib import authorizer
from chalicelib.authorizer import TTL_S, jwt_auth
from chalicelib.config import Settings, settings
from chalicelib.errors import BadSetting
from chalicelib.key_sets import KeySet
from chalicelib.token_rules import LEEWAY_S, TokenRules
from chalicelib.tokens import MAX_TOKEN_CHARACTERS, NotAccepted, TokenVerifier
from tests.forging import (
    AUDIENCE,
    ISSUER,
    SECRET,
    b64,
    claims,
    ec_key,
    jwk,
    jwks,
    private_pem,
    public_pem,
    rsa_key,
    signed,
    spelled,
)

NOW = claims()["iat"]
ARN = "arn:aws:execute-api:eu-west-1:123456789012:abcdef/live/POST/api/v1/queue/enter"


def rules(algorithm: str = "RS256") -> TokenRules:
    return TokenRules(algorithm, AUDIENCE, ISSUER, "", "keys.json")


def verifier(document: bytes = b"", algorithm: str = "RS256") -> TokenVerifier:
    """A verifier of a key set that has the first RSA key unless another is given."""
    document = document or jwks(jwk(rsa_key()))
    return TokenVerifier(rules(algorithm), KeySet(lambda: document, algorithm).key)


def by_secret(secret: str = SECRET) -> TokenVerifier:
    values = {"IDENTITY": "jwt", "JWT_SECRET": secret, "JWT_AUDIENCE": AUDIENCE, "JWT_ISSUER": ISSUER}
    return TokenVerifier.of(Settings.read(values))


def bearer(token: str) -> str:
    return f"Bearer {token}"


@pytest.fixture(autouse=True)
def the_time_stands_still(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tokens of this module's tables are made when it is collected, long before some are looked at."""

    class AtCollection(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "AtCollection":
            return cls.fromtimestamp(NOW, tz)

    monkeypatch.setattr("jwt.api_jwt.datetime", AtCollection)
    monkeypatch.setattr("tests.forging.now_s", lambda: NOW)


def with_header(said: object, **header: object) -> str:
    """A token that the issuer's key has signed in truth, whatever its header says."""
    return spelled({"alg": "RS256", "typ": "JWT", "kid": "first", **header}, said, rsa_key())


GOOD = {
    "a plain one": claims(),
    "an audience among others": claims(aud=["other", AUDIENCE]),
    "no iat": claims(iat=None),
    "times with fractions": claims(exp=NOW + 600.5, nbf=NOW - 0.5),
    "just expired, within the leeway": claims(exp=NOW - LEEWAY_S + 5),
    "not yet valid by less than the leeway": claims(nbf=NOW + LEEWAY_S - 5),
    "a subject as Auth0 has them": claims(sub="auth0|5f7c8ec7c33c6c004bbafe82"),
    "a subject of 255 characters": claims(sub="x" * 255),
}


@pytest.mark.parametrize("said", GOOD.values(), ids=GOOD)
def test_a_good_token_tells_whose_it_is(said: dict[str, object]) -> None:
    assert verifier().subject(bearer(signed(said))) == said["sub"]


def test_each_algorithm_that_can_be_set_verifies_what_it_signs() -> None:
    assert verifier(jwks(jwk(ec_key())), "ES256").subject(bearer(signed(claims(), ec_key(), "ES256"))) == "ann"
    assert by_secret().subject(bearer(signed(claims(), SECRET, "HS256"))) == "ann"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_may_be_spelled_in_any_case(scheme: str) -> None:
    assert verifier().subject(f"{scheme} {signed(claims())}") == "ann"


BAD_CLAIMS = {
    "expired": claims(exp=NOW - LEEWAY_S - 5),
    "no expiry": claims(exp=None),
    "exp is a text": claims(exp="tomorrow"),
    "exp is a number in a text": claims(exp=str(NOW + 600)),
    "exp is true": claims(exp=True),
    "exp is a list": claims(exp=[NOW + 600]),
    "exp is an object": claims(exp={"$gt": 0}),
    "not yet valid": claims(nbf=NOW + LEEWAY_S + 30),
    "nbf is a text": claims(nbf=str(NOW - 5)),
    "nbf is false": claims(nbf=False),
    "issued in the future": claims(iat=NOW + LEEWAY_S + 30),
    "iat is a text": claims(iat=str(NOW)),
    "no audience": claims(aud=None),
    "another audience": claims(aud="another-shop"),
    "an audience that begins like ours": claims(aud=AUDIENCE + "-test"),
    "no audience in the list": claims(aud=[]),
    "an audience that is no text": claims(aud=[1]),
    "no issuer": claims(iss=None),
    "another issuer": claims(iss="https://evil.example/"),
    "our issuer without its slash": claims(iss=ISSUER.rstrip("/")),
    "an issuer in a list": claims(iss=[ISSUER]),
    "no subject": claims(sub=None),
    "an empty subject": claims(sub=""),
    "a subject that is a number": claims(sub=5),
    "a subject of 256 characters": claims(sub="x" * 256),
    "a subject with a space": claims(sub="ann smith"),
    "a subject with a line break": claims(sub="ann\r\nX-Evil: 1"),
    "a subject that ends in a line break": claims(sub="ann\n"),
    "a subject that is not ASCII": claims(sub="\u0430nn"),
    "a subject with a null": claims(sub="ann\0"),
}


@pytest.mark.parametrize("said", BAD_CLAIMS.values(), ids=BAD_CLAIMS)
def test_a_token_of_the_right_key_with_wrong_claims_is_refused(said: dict[str, object]) -> None:
    with pytest.raises(NotAccepted):
        verifier().subject(bearer(spelled({"alg": "RS256", "kid": "first"}, said, rsa_key())))


BAD_PAYLOADS = {
    "infinity": json.dumps(claims()).replace(f"{NOW + 600}", "Infinity"),
    "not a number": json.dumps(claims()).replace(f"{NOW + 600}", "NaN"),
    "a number beyond floats": json.dumps(claims()).replace(f"{NOW + 600}", "1e999"),
    "an integer of a thousand digits": json.dumps(claims()).replace(f"{NOW + 600}", "9" * 1_000),
    "an integer that Python will not read": json.dumps(claims()).replace(f"{NOW + 600}", "9" * 5_000),
    "milliseconds": json.dumps(claims()).replace(f"{NOW + 600}", f"{NOW + 600}000"),
    "not JSON": "exp",
    "not UTF-8": b"\xff\xfe",
    "a list": "[]",
    "null": "null",
    "nested deeply": "[" * 3_000,
    "empty": "",
}


@pytest.mark.parametrize("payload", BAD_PAYLOADS.values(), ids=BAD_PAYLOADS)
def test_a_payload_that_cannot_be_claims_is_refused_and_never_a_fault(payload: str | bytes) -> None:
    raw = payload if isinstance(payload, bytes) else payload.encode()
    with pytest.raises(NotAccepted):
        verifier().subject(bearer(spelled({"alg": "RS256", "kid": "first"}, raw, rsa_key())))


def hmac_token(key: bytes, header: dict[str, object]) -> str:
    signing_input = f"{b64(header)}.{b64(claims())}"
    return f"{signing_input}.{b64(hmac.new(key, signing_input.encode(), hashlib.sha256).digest())}"


NO_ALGORITHM: tuple[object, ...] = ("none", "None", "NONE", "nOnE", "", None, 0, [])
ATTACKS = {
    **{f"alg {word!r}": spelled({"alg": word}, claims()) for word in NO_ALGORITHM},
    "alg none with a signature": spelled({"alg": "none", "kid": "first"}, claims(), rsa_key()),
    "no alg": spelled({"typ": "JWT"}, claims()),
    "the public key as an HMAC secret": hmac_token(public_pem(rsa_key()), {"alg": "HS256", "kid": "first"}),
    "the same, called RS256": hmac_token(public_pem(rsa_key()), {"alg": "RS256", "kid": "first"}),
    "the modulus as an HMAC secret": hmac_token(jwk(rsa_key())["n"].encode(), {"alg": "HS256", "kid": "first"}),
    "an empty HMAC secret": hmac_token(b"", {"alg": "HS256", "kid": "first"}),
    "another algorithm of the same key": signed(claims(), rsa_key(), "RS512"),
    "a weaker padding's name": signed(claims(), rsa_key(), "PS256"),
    "an EC key where RSA is set": signed(claims(), ec_key(), "ES256"),
    "somebody else's key": signed(claims(), rsa_key("stranger")),
    "somebody else's key, named by itself": signed(claims(), rsa_key("stranger"), kid="stranger"),
    "a critical extension": with_header(claims(), crit=["b64"], b64=True),
    "an unknown critical extension": with_header(claims(), crit=["exp"]),
    "an empty crit": with_header(claims(), crit=[]),
    "an unencoded payload": with_header(claims(), b64=False),
    "a logout token": with_header(claims(), typ="logout+jwt"),
    "a typ that is no text": with_header(claims(), typ=["JWT"]),
    "kid: a path": with_header(claims(), kid="../../../../dev/null"),
    "kid: a file": with_header(claims(), kid="/proc/self/environ"),
    "kid: SQL": with_header(claims(), kid="' UNION SELECT 'secret' -- "),
    "kid: a command": with_header(claims(), kid="|/usr/bin/id"),
    "kid: a URL": with_header(claims(), kid="https://evil.example/jwks.json"),
    "kid: very long": with_header(claims(), kid="x" * 5_000),
    "kid: empty": with_header(claims(), kid=""),
    "kid: a number": with_header(claims(), kid=1),
    "kid: a list": with_header(claims(), kid=["first"]),
    "kid: an object": with_header(claims(), kid={"a": 1}),
    "kid: null": with_header(claims(), kid=None),
    "kid: a name of Python": with_header(claims(), kid="__class__"),
    "its own key in jwk": signed(claims(), rsa_key("stranger"), jwk=jwk(rsa_key("stranger")), kid="stranger"),
    "its own key in jwk, under our name": signed(claims(), rsa_key("stranger"), jwk=jwk(rsa_key("stranger"))),
    "its own key behind jku": signed(claims(), rsa_key("stranger"), jku="https://evil.example/jwks.json"),
    "its own key behind x5u": signed(claims(), rsa_key("stranger"), x5u="https://evil.example/cert.pem"),
    "its own key in x5c": signed(claims(), rsa_key("stranger"), x5c=["MIIB"]),
    "no signature": signed(claims()).rsplit(".", 1)[0] + ".",
    "truncated": signed(claims())[:-1],
    "truncated in its payload": signed(claims())[:150],
    "two parts": signed(claims()).rsplit(".", 1)[0],
    "four parts": signed(claims()) + ".e30",
    "five parts, as if encrypted": "e30.e30.e30.e30.e30",
    "padded": signed(claims()) + "==",
    "a header that is no JSON": spelled(b"{", claims(), rsa_key()),
    "a header that is a list": spelled([], claims(), rsa_key()),
    "a header that is not UTF-8": spelled(b'{"alg":"\xff"}', claims(), rsa_key()),
    "a header nested deeply": spelled(b"[" * 4_000, claims()),
    "another payload under a good signature": signed(claims()).split(".")[0]
    + "." + b64(claims(sub="bob")) + "." + signed(claims()).split(".")[2],
    "oversized": signed(claims(more="x" * MAX_TOKEN_CHARACTERS)),
    "empty": "",
}  # fmt: skip


@pytest.mark.parametrize("token", ATTACKS.values(), ids=ATTACKS)
def test_a_forged_token_is_refused(token: str) -> None:
    with pytest.raises(NotAccepted):
        verifier().subject(bearer(token))


@pytest.mark.parametrize("token", ATTACKS.values(), ids=ATTACKS)
def test_a_forged_token_is_refused_where_a_secret_is_shared_too(token: str) -> None:
    with pytest.raises(NotAccepted):
        by_secret().subject(bearer(token))


def test_where_to_find_a_key_is_never_asked_of_the_token() -> None:
    asked = []

    def load() -> bytes:
        asked.append(1)
        return jwks(jwk(rsa_key()))

    watched = TokenVerifier(rules(), KeySet(load, "RS256").key)
    told: dict[str, Any] = {"jku": "http://127.0.0.1:1/", "x5u": "http://127.0.0.1:1/", "jwk": jwk(rsa_key("stranger"))}
    assert watched.subject(bearer(signed(claims(), **told))) == "ann"
    assert asked == [1]


HEADERS = {
    "no scheme": lambda token: token,
    "another scheme": lambda token: f"Basic {token}",
    "a scheme that begins alike": lambda token: f"Bearers {token}",
    "no token": lambda _: "Bearer",
    "an empty token": lambda _: "Bearer ",
    "two spaces": lambda token: f"Bearer  {token}",
    "a tab": lambda token: f"Bearer\t{token}",
    "a space before": lambda token: f" Bearer {token}",
    "a line break after": lambda token: f"Bearer {token}\n",
    "two tokens": lambda token: f"Bearer {token} {token}",
    "two headers, joined": lambda token: f"Bearer {token},Bearer {token}",
    "two headers, joined with a space": lambda token: f"Bearer {token}, Bearer {token}",
    "parameters": lambda token: f"Bearer {token}; a=b",
    "not ASCII": lambda token: f"Bearer {token}\u00e9",
    "digits of another script": lambda token: f"Bearer \u0663{token}",
}


@pytest.mark.parametrize("spell", HEADERS.values(), ids=HEADERS)
def test_an_authorization_header_that_is_not_exactly_one_bearer_token_is_refused(spell: object) -> None:
    assert callable(spell)
    with pytest.raises(NotAccepted):
        verifier().subject(spell(signed(claims())))


@given(st.text(max_size=300) | st.from_regex(r"[Bb]earer [A-Za-z0-9_-]{0,80}\.[A-Za-z0-9_-]{0,80}\.[A-Za-z0-9_-]*"))
def test_whatever_is_sent_is_refused_and_never_a_fault(text: str) -> None:
    with pytest.raises(NotAccepted):
        verifier().subject(text)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_whatever_a_header_says_is_refused_and_never_a_fault(value: object) -> None:
    for name in ("alg", "kid", "typ", "crit", "b64"):
        header = {"alg": "RS256", "kid": "first", name: value}
        if value in ("RS256", "first") or (name == "b64" and value is not False):
            continue
        with pytest.raises(NotAccepted):
            verifier().subject(bearer(spelled(header, claims())))


def test_why_a_token_is_refused_tells_nothing_of_the_token() -> None:
    for token in (*ATTACKS.values(), signed(claims(sub="marked subject"))):
        with pytest.raises(NotAccepted) as refused:
            verifier().subject(bearer(token))
        assert len(str(refused.value)) < 60
        assert "marked" not in str(refused.value)


@pytest.fixture
def chosen(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """The settings of a process with a shared secret, for the handler itself."""
    for name, value in (
        ("IDENTITY", "jwt"),
        ("JWT_SECRET", SECRET),
        ("JWT_AUDIENCE", AUDIENCE),
        ("JWT_ISSUER", ISSUER),
    ):
        monkeypatch.setenv(name, value)
    for cached in (settings, authorizer._verifier):
        cached.cache_clear()
    yield monkeypatch
    monkeypatch.undo()
    for cached in (settings, authorizer._verifier):
        cached.cache_clear()


def ask(token: str) -> dict[str, object]:
    answer: dict[str, object] = jwt_auth({"type": "TOKEN", "authorizationToken": token, "methodArn": ARN}, None)
    return answer


def test_the_function_answers_a_policy_for_all_routes_and_the_subject_as_principal(chosen: object) -> None:
    answer = ask(bearer(signed(claims(), SECRET, "HS256")))
    assert answer["principalId"] == "ann"
    assert answer["policyDocument"] == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Action": "execute-api:Invoke",
                "Effect": "Allow",
                "Resource": ["arn:aws:execute-api:eu-west-1:123456789012:abcdef/live/*/*"],
            }
        ],
    }


def test_a_bad_token_is_denied_everything_and_is_no_error_of_the_function(chosen: object) -> None:
    for header in (bearer(signed(claims(), rsa_key())), "Basic x", ""):
        answer = ask(header)
        nothing = {"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": ["*"]}
        assert answer["policyDocument"] == {"Version": "2012-10-17", "Statement": [nothing]}
        assert answer["principalId"] == "nobody"


def test_an_answer_is_kept_for_a_minute_at_most() -> None:
    assert 0 < TTL_S <= 60
    assert [each.ttl_seconds for each in app.builtin_auth_handlers] == [TTL_S]


def test_a_deployed_authorizer_refuses_to_run_in_a_stage_that_trusts(chosen: pytest.MonkeyPatch) -> None:
    for name in ("IDENTITY", "JWT_SECRET", "JWT_AUDIENCE", "JWT_ISSUER"):
        chosen.delenv(name)
    chosen.setenv("AWS_LAMBDA_FUNCTION_NAME", "onsale-live-jwt_auth")
    with pytest.raises(BadSetting, match="IDENTITY"):
        ask(bearer(signed(claims(), SECRET, "HS256")))


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({}, {"IDENTITY", "JWT_AUDIENCE", "JWT_ISSUER"}),
        ({"JWT_SECRET": SECRET}, {"JWT_AUDIENCE", "JWT_ISSUER"}),
        ({"JWT_SECRET": SECRET, "JWT_AUDIENCE": "a"}, {"JWT_ISSUER"}),
        ({"JWT_SECRET": SECRET, "JWT_JWKS_URL": "https://a.example/"}, {"JWT_JWKS_URL", "JWT_AUDIENCE", "JWT_ISSUER"}),
        (
            {"JWT_JWKS_FILE": "k", "JWT_JWKS_URL": "https://a.example/", "JWT_AUDIENCE": "a", "JWT_ISSUER": "i"},
            {"JWT_JWKS_FILE"},
        ),
        ({"JWT_SECRET": SECRET, "JWT_ALGORITHM": "RS256", "JWT_AUDIENCE": "a", "JWT_ISSUER": "i"}, {"JWT_ALGORITHM"}),
        ({"JWT_JWKS_FILE": "k", "JWT_ALGORITHM": "HS256", "JWT_AUDIENCE": "a", "JWT_ISSUER": "i"}, {"JWT_ALGORITHM"}),
    ],
)
def test_settings_that_lack_something_or_contradict_each_other_are_refused_and_named(
    values: dict[str, str], named: set[str]
) -> None:
    with pytest.raises(BadSetting) as refused:
        TokenRules.of(Settings.read({"IDENTITY": "jwt", **values}))
    assert {error["field"] for error in refused.value.members["errors"]} == named  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("JWT_SECRET", "x" * 31),
        ("JWT_SECRET", public_pem(rsa_key()).decode()),
        ("JWT_SECRET", private_pem(rsa_key())),
        ("JWT_SECRET", json.dumps(jwk(rsa_key()))),
        ("JWT_SECRET", "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQ"),
        ("JWT_ALGORITHM", "none"),
        ("JWT_ALGORITHM", "RS512"),
        ("JWT_JWKS_URL", "http://issuer.example/jwks.json"),
        ("JWT_JWKS_URL", "file:///etc/passwd"),
        ("JWT_JWKS_URL", "https://"),
    ],
)
def test_a_setting_that_would_weaken_identity_is_refused(name: str, value: str) -> None:
    with pytest.raises(BadSetting, match=name) as refused:
        Settings.read({"IDENTITY": "jwt", name: value})
    assert name != "JWT_SECRET" or value not in str(refused.value)


def test_trusted_beside_settings_of_tokens_is_a_contradiction() -> None:
    with pytest.raises(BadSetting, match=r"IDENTITY.*JWT_SECRET, JWT_ISSUER"):
        Settings.read({"JWT_SECRET": SECRET, "JWT_ISSUER": ISSUER})


def test_a_key_set_on_this_machine_may_be_had_without_tls() -> None:
    for url in ("http://127.0.0.1:8080/jwks.json", "http://localhost/x", "http://[::1]:80/x"):
        assert Settings.read({"IDENTITY": "jwt", "JWT_JWKS_URL": url}).jwt_jwks_url == url

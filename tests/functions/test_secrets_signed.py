"""Tokens and webhooks whose secrets are kept elsewhere, and the API without the secret of its Redis."""

import json
import time
from typing import Any

import jwt
import pytest

from app import app
from chalicelib import authorizer
from chalicelib.api.payments import refuse_own_confirmation
from chalicelib.authorizer import jwt_auth
from chalicelib.config import Settings
from chalicelib.errors import OnsaleError, SecretUnavailable
from chalicelib.signature import BadSignature, sign
from chalicelib.tokens import NotAccepted, TokenVerifier
from chalicelib.webhook import check
from tests.forging import AUDIENCE, ISSUER, claims, signed
from tests.functions.vault import Configure, Vault

OLD, NEW = "the secret of last year, long enough", "the secret of this year, long enough"
BODY = b'{"status": "succeeded"}'


def jwt_settings(arn: str) -> Settings:
    return Settings(identity="jwt", jwt_secret_arn=arn, jwt_audience=AUDIENCE, jwt_issuer=ISSUER)


def bearer(secret: str) -> str:
    return f"Bearer {signed(claims(), secret, 'HS256')}"


def test_a_token_is_held_against_the_secret_of_the_arn(vault: Vault) -> None:
    arn = vault.keep(json.dumps({"password": OLD}))
    verifier = TokenVerifier.of(jwt_settings(arn))
    assert vault.reads == []
    assert {verifier.subject(bearer(OLD)) for _ in range(3)} == {"ann"}
    assert vault.reads == [arn]


def test_the_first_token_of_a_new_secret_is_good_at_once(vault: Vault) -> None:
    arn = vault.keep(OLD)
    verifier = TokenVerifier.of(jwt_settings(arn))
    assert verifier.subject(bearer(OLD)) == "ann"
    vault.change(arn, NEW)
    assert verifier.subject(bearer(NEW)) == "ann"
    with pytest.raises(NotAccepted):
        verifier.subject(bearer(OLD))


def test_tokens_that_anybody_makes_up_do_not_hurry_it(vault: Vault) -> None:
    arn = vault.keep(OLD)
    verifier = TokenVerifier.of(jwt_settings(arn))
    for number in range(30):
        with pytest.raises(NotAccepted, match="InvalidSignatureError"):
            verifier.subject(bearer(f"{number} and anything else that is long"))
    assert len(vault.reads) == 2


def test_an_old_token_of_the_right_secret_asks_nobody(vault: Vault) -> None:
    verifier = TokenVerifier.of(jwt_settings(vault.keep(OLD)))
    late = jwt.encode({**claims(), "exp": int(time.time()) - 60}, OLD, "HS256")
    with pytest.raises(NotAccepted, match="ExpiredSignatureError"):
        verifier.subject(f"Bearer {late}")
    assert len(vault.reads) == 1


@pytest.mark.parametrize("weak", ["leaked-short", "-----BEGIN PRIVATE KEY----- leaked and some more of it"])
def test_a_secret_that_is_too_weak_verifies_nothing(vault: Vault, weak: str) -> None:
    arn = vault.keep(weak)
    with pytest.raises(SecretUnavailable, match=arn) as failed:
        TokenVerifier.of(jwt_settings(arn)).subject(bearer(OLD))
    assert "leaked" not in str(failed.value)


def test_the_authorizer_lets_in_by_it(vault: Vault, configure: Configure) -> None:
    arn = vault.keep(OLD)
    configure(IDENTITY="jwt", JWT_SECRET_ARN=arn, JWT_AUDIENCE=AUDIENCE, JWT_ISSUER=ISSUER)
    authorizer._verifier.cache_clear()
    event = {"type": "TOKEN", "methodArn": "arn:aws:execute-api:r:1:api/live/GET/a", "authorizationToken": bearer(OLD)}
    try:
        assert jwt_auth(event, None)["principalId"] == "ann"
    finally:
        authorizer._verifier.cache_clear()


def _now() -> int:
    return int(time.time())


def test_a_webhook_is_held_against_the_secret_and_the_one_before_it(vault: Vault) -> None:
    of = Settings(webhook_secret_arn=vault.keep(NEW), webhook_secret_previous_arn=vault.keep_parameter(OLD))
    for secret in (NEW, OLD):
        check(of, sign(secret, BODY, _now()), BODY, _now())
    with pytest.raises(BadSignature, match="does not fit"):
        check(of, sign("anything else that is long enough", BODY, _now()), BODY, _now())


def test_the_first_webhook_of_a_new_secret_is_good_at_once(vault: Vault) -> None:
    arn = vault.keep(OLD)
    of = Settings(webhook_secret_arn=arn)
    check(of, sign(OLD, BODY, _now()), BODY, _now())
    vault.change(arn, NEW)
    check(of, sign(NEW, BODY, _now()), BODY, _now())
    with pytest.raises(BadSignature):
        check(of, sign(OLD, BODY, _now()), BODY, _now())
    assert vault.reads == [arn, arn]


def test_webhooks_that_anybody_makes_up_do_not_hurry_it(vault: Vault) -> None:
    of = Settings(webhook_secret_arn=vault.keep(NEW), webhook_secret_previous_arn=vault.keep(OLD))
    for number in range(20):
        with pytest.raises(BadSignature):
            check(of, sign(f"{number} and anything else that is long", BODY, _now()), BODY, _now())
    with pytest.raises(BadSignature, match="minutes"):
        check(of, sign(NEW, BODY, _now() - 3_600), BODY, _now())
    assert len(vault.reads) == 4


def test_a_previous_secret_that_is_gone_stops_nobody_who_has_the_new_one(vault: Vault) -> None:
    gone = vault.keep(OLD)
    vault.delete(gone)
    of = Settings(webhook_secret_arn=vault.keep(NEW), webhook_secret_previous_arn=gone)
    check(of, sign(NEW, BODY, _now()), BODY, _now())
    with pytest.raises(SecretUnavailable, match=gone):
        check(of, sign(OLD, BODY, _now()), BODY, _now())


def test_with_an_arn_no_buyer_confirms_for_themselves(vault: Vault, configure: Configure) -> None:
    configure(PAYMENT_WEBHOOK_SECRET_ARN=vault.keep(NEW))
    with pytest.raises(OnsaleError) as refused:
        refuse_own_confirmation()
    assert refused.value.code == "confirm-by-payment-provider"
    assert vault.reads == []


def _answer(path: str, method: str, body: bytes = b"", **headers: str) -> dict[str, Any]:
    event = {
        "requestContext": {"resourcePath": path, "httpMethod": method},
        "headers": {"content-type": "application/json", **headers},
        "pathParameters": None,
        "stageVariables": None,
        "body": body.decode() or None,
        "isBase64Encoded": False,
        "multiValueQueryStringParameters": {"userId": ["ann"]} if not body else None,
    }
    answer: dict[str, Any] = app(event, None)
    return answer


def test_a_secret_that_cannot_be_read_is_503_and_names_its_arn_in_the_log_alone(
    vault: Vault, configure: Configure, redis_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    gone = vault.keep("leaked")
    vault.delete(gone)
    configure(REDIS_URL=redis_url, REDIS_SECRET_ARN=gone, PAYMENT_WEBHOOK_SECRET_ARN=gone)
    signature = sign(NEW, BODY, _now())
    for answer in (
        _answer("/api/v1/queue/enter", "POST"),
        _answer("/api/v1/payments/callback", "POST", BODY, **{"x-onsale-signature": signature}),
    ):
        assert (answer["statusCode"], json.loads(answer["body"])["code"]) == (503, "store-unavailable")
        assert gone not in answer["body"]
    assert gone in caplog.text
    assert "leaked" not in caplog.text

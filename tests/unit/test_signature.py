"""The signature of the payment provider's messages: only who has the secret, only for five minutes."""

import pytest

from chalicelib.signature import TOLERANCE_S, BadSignature, sign, verify

SECRET, OTHER = "s" * 32, "o" * 32
BODY, AT_S = b'{"paymentId":"p-1"}', 1_800_000_000


def test_what_was_signed_with_one_of_the_secrets_is_believed() -> None:
    for secrets in ([SECRET], [OTHER, SECRET], [SECRET, OTHER]):
        verify(secrets, sign(SECRET, BODY, AT_S), BODY, AT_S + 1)


def test_the_digest_is_the_one_that_others_compute() -> None:
    # printf '1800000000.{"paymentId":"p-1"}' | openssl dgst -sha256 -hmac ssssssssssssssssssssssssssssssss
    digest = "a6e51eca5303c241eefaee10a336f41270450acb5592f1f4de3b15ff60a00184"
    assert sign(SECRET, BODY, AT_S) == f"t={AT_S},v1={digest}"


def test_several_signatures_may_come_while_a_secret_is_changed() -> None:
    both = f"{sign(OTHER, BODY, AT_S)},{sign(SECRET, BODY, AT_S).partition(',')[2]}"
    verify([SECRET], both, BODY, AT_S)


@pytest.mark.parametrize("age_s", [TOLERANCE_S + 1, -TOLERANCE_S - 1, 10**9])
def test_an_old_or_a_future_message_is_refused(age_s: int) -> None:
    with pytest.raises(BadSignature, match="minutes"):
        verify([SECRET], sign(SECRET, BODY, AT_S), BODY, AT_S + age_s)


@pytest.mark.parametrize(
    "header",
    [
        "",
        "t=1800000000",
        "v1=abc",
        "t=,v1=abc",
        "t=1800000000,v1=",
        "t=1800000000,v1=" + "0" * 64,
        "t=1800000000,v0=" + sign(SECRET, BODY, AT_S).partition("v1=")[2],
        sign(OTHER, BODY, AT_S),
        sign(SECRET, BODY + b" ", AT_S),
        sign(SECRET, BODY, AT_S).replace("t=1800000000", "t=1800000001"),
        "t=1800000000,t=1800000001,v1=" + sign(SECRET, BODY, AT_S).partition("v1=")[2],
        "t=١٨٠٠٠٠٠٠٠٠,v1=abc",
        "t=1e9,v1=abc",
        "t=1800000000,v1=\ud800",
    ],
)
def test_anything_else_is_refused(header: str) -> None:
    with pytest.raises(BadSignature):
        verify([SECRET], header, BODY, AT_S)

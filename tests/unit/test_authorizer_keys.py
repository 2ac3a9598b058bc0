"""Which keys of an issuer's key set are used, and when the set is fetched: with a clock that the test turns."""

import logging
import threading
import time
from collections.abc import Callable
from http.client import HTTPException
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib import key_sets
from chalicelib.key_sets import (
    KEEP_S,
    MAX_KEYS,
    REFETCH_S,
    RETRY_S,
    STALE_S,
    KeySet,
    KeysUnavailable,
    NotAKeySet,
    usable_keys,
)
from tests.conftest import LATE_S
from tests.forging import ec_key, jwk, jwks, rsa_key

UNUSABLE: dict[str, tuple[str, Any]] = {
    "a private key": ("RS256", jwk(rsa_key(), private=True)),
    "a private EC key": ("ES256", jwk(ec_key(), private=True)),
    "a symmetric key": ("RS256", {"kty": "oct", "k": "c2VjcmV0", "kid": "first", "alg": "HS256"}),
    "a symmetric key called RS256": ("RS256", {"kty": "oct", "k": "c2VjcmV0", "kid": "first", "alg": "RS256"}),
    "for encryption": ("RS256", jwk(rsa_key(), use="enc")),
    "a use that is no text": ("RS256", jwk(rsa_key(), use=["sig"])),
    "only for signing": ("RS256", jwk(rsa_key(), key_ops=["sign"])),
    "key_ops that is no list": ("RS256", jwk(rsa_key(), key_ops="verify")),
    "another algorithm": ("RS256", jwk(rsa_key(), alg="RS512")),
    "another algorithm's key": ("RS256", jwk(ec_key())),
    "RSA where EC is set": ("ES256", jwk(rsa_key())),
    "a larger curve": ("ES256", jwk(ec_key("large", ec.SECP384R1))),
    "a larger curve that calls itself P-256": ("ES256", jwk(ec_key("large", ec.SECP384R1), crv="P-256")),
    "another curve of the same size": ("ES256", jwk(ec_key("bitcoin", ec.SECP256K1))),
    "another curve of the same size that calls itself P-256": (
        "ES256", jwk(ec_key("bitcoin", ec.SECP256K1), crv="P-256"),
    ),
    "a point that is on no curve": ("ES256", jwk(ec_key(), y=jwk(ec_key())["x"])),
    "an RSA key of 1,024 bits": ("RS256", jwk(rsa_key("short", 1024))),
    "an RSA key without exponent": ("RS256", jwk(rsa_key(), e=None)),
    "a modulus that is no text": ("RS256", jwk(rsa_key(), n=5)),
    "a modulus that is no base64": ("RS256", jwk(rsa_key(), n="!" * 400)),
    "a kid that is no text": ("RS256", jwk(rsa_key(), kid=5)),
    "a type that is no text": ("RS256", jwk(rsa_key(), kty=["RSA"])),
    "no object": ("RS256", "key"),
    "null": ("RS256", None),
}  # fmt: skip


@pytest.mark.parametrize(("algorithm", "key"), UNUSABLE.values(), ids=UNUSABLE)
def test_a_key_that_must_not_verify_is_left_out_and_the_others_are_used(algorithm: str, key: Any) -> None:
    good = jwk(rsa_key("other") if algorithm == "RS256" else ec_key("other"), kid="other")
    assert set(usable_keys(jwks(key, good), algorithm)) == {"other"}


def test_a_key_may_say_what_it_is_for_and_may_stay_silent() -> None:
    for members in ({}, {"use": "sig"}, {"alg": "RS256"}, {"key_ops": ["verify"]}, {"x5c": ["MIIB"], "x5t": "x"}):
        assert set(usable_keys(jwks(jwk(rsa_key(), **members)), "RS256")) == {"first"}


def test_of_two_keys_with_one_name_the_first_that_can_be_used_counts() -> None:
    keys = usable_keys(jwks(jwk(rsa_key(), use="enc"), jwk(rsa_key("second")), jwk(rsa_key("third"))), "RS256")
    assert keys["first"].key.public_numbers() == rsa_key("second").public_key().public_numbers()


DOCUMENTS = {
    "not JSON": b"<html>",
    "not UTF-8": b"\xff\xfe\xff",
    "a list": b"[]",
    "no keys": b"{}",
    "keys that are no list": b'{"keys":{}}',
    "too many": jwks(*[{}] * (MAX_KEYS + 1)),
    "too large": b'{"keys":[]}' + b" " * key_sets.MAX_BYTES,
    "nested deeply": b'{"keys":' + b"[" * 100_000,
    "empty": b"",
}


@pytest.mark.parametrize("document", DOCUMENTS.values(), ids=DOCUMENTS)
def test_what_is_no_key_set_is_an_error_and_the_keys_before_it_stay(document: bytes) -> None:
    with pytest.raises(NotAKeySet):
        usable_keys(document, "RS256")
    issuer = Issuer()
    keys = issuer.keys()
    assert keys.key("first")
    issuer.document = document
    issuer.now_s += KEEP_S
    assert keys.key("first")


class Issuer:
    """An issuer that publishes what the test says, and a clock that stands still until it is turned."""

    def __init__(self) -> None:
        self.now_s = 1_000_000.0
        self.document = jwks(jwk(rsa_key()))
        self.is_down = False
        self.fetches = 0

    def keys(self) -> KeySet:
        return KeySet(self.load, "RS256", clock=lambda: self.now_s)

    def load(self) -> bytes:
        self.fetches += 1
        if self.is_down:
            raise OSError("connection refused")
        return self.document


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


def test_nothing_is_fetched_before_the_first_token_and_then_once(issuer: Issuer) -> None:
    keys = issuer.keys()
    assert issuer.fetches == 0
    for _ in range(5):
        assert keys.key("first") is keys.key("first")
    assert issuer.fetches == 1


def test_a_token_without_a_kid_takes_the_only_key_and_none_of_several(issuer: Issuer) -> None:
    assert issuer.keys().key(None) is not None
    issuer.document = jwks(jwk(rsa_key()), jwk(rsa_key("second"), kid="second"))
    assert issuer.keys().key(None) is None


def test_a_new_key_is_found_when_a_token_names_it_and_the_old_one_still_counts(issuer: Issuer) -> None:
    keys = issuer.keys()
    assert keys.key("first")
    issuer.document = jwks(jwk(rsa_key()), jwk(rsa_key("second"), kid="second"))
    assert keys.key("second") is None  # too soon after the last fetch
    issuer.now_s += REFETCH_S + 0.1
    assert keys.key("second")
    assert keys.key("first")
    assert issuer.fetches == 2


def test_a_withdrawn_key_counts_no_longer_than_a_set_is_kept(issuer: Issuer) -> None:
    keys = issuer.keys()
    assert keys.key("first")
    issuer.document = jwks(jwk(rsa_key("second"), kid="second"))
    issuer.now_s += KEEP_S - 1
    assert keys.key("first")
    issuer.now_s += 1
    assert keys.key("first") is None
    assert keys.key("second")


def test_made_up_names_hurry_no_fetch(issuer: Issuer) -> None:
    keys = issuer.keys()
    for number in range(1_000):
        assert keys.key(f"made-up-{number}") is None
        issuer.now_s += 0.05
    assert issuer.fetches <= 1 + 1_000 * 0.05 / REFETCH_S


def test_an_outage_of_the_issuer_is_not_hammered_either(issuer: Issuer) -> None:
    issuer.is_down = True
    keys = issuer.keys()
    for _ in range(1_000):
        with pytest.raises(KeysUnavailable):
            keys.key("first")
        issuer.now_s += 0.05
    assert issuer.fetches <= 1 + 1_000 * 0.05 / RETRY_S


def test_known_keys_are_used_while_the_issuer_is_away_up_to_a_bound(issuer: Issuer) -> None:
    keys = issuer.keys()
    assert keys.key("first")
    issuer.is_down = True
    issuer.now_s += KEEP_S + STALE_S - 1
    assert keys.key("first")
    assert keys.key("unknown") is None
    issuer.now_s += 2
    with pytest.raises(KeysUnavailable):
        keys.key("first")
    issuer.is_down = False
    issuer.now_s += RETRY_S + 0.1
    assert keys.key("first")


def test_a_set_without_a_usable_key_lets_nobody_in_and_says_so(
    issuer: Issuer, caplog: pytest.LogCaptureFixture
) -> None:
    issuer.document = jwks(jwk(rsa_key(), private=True))
    with caplog.at_level(logging.WARNING):
        assert issuer.keys().key("first") is None
    assert "private parts" in caplog.text
    assert "every token is refused" in caplog.text


def test_a_clock_that_is_set_back_ends_nothing(issuer: Issuer) -> None:
    keys = issuer.keys()
    assert keys.key("first")
    issuer.now_s -= 86_400
    assert keys.key("first")
    assert keys.key("first")
    assert issuer.fetches == 2


def test_a_hundred_threads_at_once_fetch_once(issuer: Issuer) -> None:
    keys = issuer.keys()
    found: list[object] = []
    everybody = threading.Barrier(100)

    def ask() -> None:
        everybody.wait()
        found.append(keys.key("first"))

    threads = [threading.Thread(target=ask) for _ in range(100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 100
    assert None not in found
    assert issuer.fetches == 1


@pytest.mark.parametrize("fault", [OSError, ValueError, HTTPException])
def test_whatever_goes_wrong_in_a_fetch_is_the_issuers_fault_and_not_the_tokens(fault: Callable[[], Exception]) -> None:
    def load() -> bytes:
        raise fault()

    with pytest.raises(KeysUnavailable):
        KeySet(load, "RS256").key("first")


def test_an_issuer_that_hangs_is_given_up_and_not_asked_again_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_sets, "FETCH_WITHIN_S", 0.05)
    goes_on = threading.Event()
    asked = []

    def load() -> bytes:
        asked.append(1)
        goes_on.wait()
        return b""

    now_s = 0.0
    keys = KeySet(load, "RS256", clock=lambda: now_s)
    began_s = time.monotonic()
    for _ in range(5):
        with pytest.raises(KeysUnavailable):
            keys.key("first")
        now_s += RETRY_S + 1
    assert time.monotonic() - began_s < LATE_S
    assert len(asked) == 1
    goes_on.set()

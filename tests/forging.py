"""Keys, key sets and tokens, good and forged, for the tests of identity. Every key is made when it is asked for."""

import base64
import json
import time
from collections.abc import Mapping
from functools import cache
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

ISSUER, AUDIENCE = "https://issuer.example/", "onsale"
SECRET = "a-shared-secret-of-more-than-32-bytes"  # noqa: S105


@cache
def rsa_key(name: str = "first", bits: int = 2048) -> rsa.RSAPrivateKey:
    """The RSA key of a name; another name is another key."""
    return rsa.generate_private_key(65537, bits)


@cache
def ec_key(name: str = "first", curve: type[ec.EllipticCurve] = ec.SECP256R1) -> ec.EllipticCurvePrivateKey:
    """The EC key of a name."""
    return ec.generate_private_key(curve())


def jwk(key: PrivateKeyTypes, *, private: bool = False, **members: object) -> dict[str, Any]:
    """A key as a member of a JWKS, `kid` "first" unless said; a member None is left out."""
    algorithm = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
    shown: Any = key if private else key.public_key()
    made: dict[str, Any] = {**json.loads(algorithm.to_jwk(shown)), "kid": "first", **members}
    made.pop("key_ops", None) if "key_ops" not in members else None
    return {name: value for name, value in made.items() if value is not None}


def jwks(*keys: Mapping[str, Any]) -> bytes:
    """A key set as its issuer publishes it."""
    return json.dumps({"keys": list(keys)}).encode()


def now_s() -> int:
    """The second in which tokens are made."""
    return int(time.time())


def claims(**changes: object) -> dict[str, Any]:
    """What a good token says, with changes; a claim None is left out."""
    made_at_s = now_s()
    good = {"sub": "ann", "iss": ISSUER, "aud": AUDIENCE, "iat": made_at_s, "exp": made_at_s + 600}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def signed(said: Mapping[str, Any], key: Any = None, algorithm: str = "RS256", **headers: Any) -> str:
    """A token as its issuer makes it; by default with the first RSA key and its name."""
    header = {"kid": "first", **headers}
    header = {name: value for name, value in header.items() if value is not None}
    return jwt.encode(dict(said), key or rsa_key(), algorithm=algorithm, headers=header)


def b64(raw: bytes | object) -> str:
    """One part of a token."""
    text = raw if isinstance(raw, bytes) else json.dumps(raw).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def spelled(header: bytes | object, payload: bytes | object, key: rsa.RSAPrivateKey | None = None) -> str:
    """A token with any header and payload at all: signed by a key in truth, or with an empty signature."""
    signing_input = f"{b64(header)}.{b64(payload)}"
    signature = b""
    if key is not None:
        rs256 = RSAAlgorithm(RSAAlgorithm.SHA256)
        signature = rs256.sign(signing_input.encode(), key)
    return f"{signing_input}.{b64(signature)}"


def public_pem(key: rsa.RSAPrivateKey) -> bytes:
    """A public key as issuers publish it: what an attacker has too."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def private_pem(key: rsa.RSAPrivateKey) -> str:
    """A private key as people keep it in files."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()

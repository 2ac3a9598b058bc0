"""`onsale token`: a bearer token for one buyer, where the secret that signs them is at hand."""

import time

import click

from chalicelib.api.shapes import USER_ID
from chalicelib.config import settings
from chalicelib.errors import FieldError, InvalidRequest
from chalicelib.token_rules import TokenRules
from ops.commands.options import json_option
from ops.console import print_json, show

_LONGEST_MINUTES = 24 * 60


@click.command(short_help="Mint a bearer token for a buyer, with JWT_SECRET.")
@click.argument("user_id", metavar="USER")
@click.option(
    "--minutes",
    type=click.IntRange(1, _LONGEST_MINUTES),
    default=60,
    show_default=True,
    metavar="N",
    help="How long it is good.",
)
@json_option
def token(user_id: str, minutes: int, as_json: bool) -> None:
    """Mint a bearer token for a buyer of a stack with IDENTITY=jwt. Whoever has it is that buyer.

    It is signed with JWT_SECRET, which `IDENTITY=jwt onsale up` makes, or with what JWT_SECRET_ARN names. Where an
    issuer of yours signs (JWT_JWKS_URL, JWT_JWKS_FILE) only that issuer can.

    \b
    IDENTITY=jwt onsale up
    curl -X POST -H "Authorization: Bearer $(onsale token ann)" "$ONSALE_URL/api/v1/queue/enter"
    """
    TokenRules.of(settings())  # first: without IDENTITY=jwt no USER makes sense
    if not USER_ID.match(user_id):
        raise InvalidRequest([FieldError("USER", USER_ID.detail)])
    from ops.token_mint import TokenMint

    now_s = int(time.time())
    expires_s = now_s + 60 * minutes
    minted = TokenMint.of(settings()).token(user_id, now_s, expires_s)
    if as_json:
        print_json({"token": minted, "userId": user_id, "expiresAt": _iso(expires_s)})
    else:
        show(minted)


def _iso(at_s: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at_s))

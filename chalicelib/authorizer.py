"""The authorizer: a function of its own in front of every buyer route, which turns a bearer token into a principal.

Routes only refer to it. What verifies (PyJWT, cryptography) is imported when it runs, which in a deployed stage is
never in the API's own function; packaged, this module goes without the rest of the app.
"""

import logging
from functools import cache
from typing import TYPE_CHECKING

from chalice.app import AuthRequest, AuthResponse, Blueprint

from chalicelib.config import settings
from chalicelib.identity import refuse_unsafe

if TYPE_CHECKING:
    from chalicelib.tokens import TokenVerifier

TTL_S = 60  # a gateway asks no more about a token for so long, so a token may outlive its `exp` by as much

# What API Gateway takes for 401. Every other exception it answers with 500, and a policy that does not allow with 403.
UNAUTHORIZED = "Unauthorized"

authorizers = Blueprint(__name__)
_log = logging.getLogger(__name__)


@cache
def _verifier() -> "TokenVerifier":
    from chalicelib.tokens import TokenVerifier

    return TokenVerifier.of(settings())


@authorizers.authorizer(ttl_seconds=TTL_S)
def jwt_auth(request: AuthRequest) -> AuthResponse:
    """Answer whose token it is, for all routes at once: the answer is kept by token, not by route.

    Raises Exception("Unauthorized") for a token that is not good; BadSetting and KeysUnavailable are ours to mend.
    """
    refuse_unsafe()
    verifier = _verifier()
    from chalicelib.tokens import NotAccepted

    try:
        subject = verifier.subject(request.token)
    except NotAccepted as refused:
        _log.info("token refused: %s", refused)
        raise Exception(UNAUTHORIZED) from None
    return AuthResponse(routes=["*"], principal_id=subject)

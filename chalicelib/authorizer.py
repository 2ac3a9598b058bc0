"""The authorizer: a function of its own in front of every buyer route, which turns a bearer token into a principal.

Routes only refer to it. What verifies (PyJWT, cryptography) is imported when it runs, which in a deployed stage is
never in the API's own function; packaged, this module goes without the rest of the app.
"""

import logging
from functools import cache
from typing import TYPE_CHECKING, Any

from chalice.app import AuthRequest, AuthResponse, Blueprint

from chalicelib.config import settings
from chalicelib.identity import refuse_unsafe

if TYPE_CHECKING:
    from chalicelib.tokens import TokenVerifier

TTL_S = 60  # a gateway asks no more about a token for so long, so a token may outlive its `exp` by as much

# Said of a token that is not good. An exception would do, too (API Gateway has a word for it), but Lambda counts it as
# an error of the function, and whoever sends bad tokens would set off its alarm. This is kept as long as a yes.
REFUSAL: dict[str, Any] = {
    "principalId": "nobody",
    "policyDocument": {
        "Version": "2012-10-17",
        "Statement": [{"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": ["*"]}],
    },
}

authorizers = Blueprint(__name__)
_log = logging.getLogger(__name__)


@cache
def _verifier() -> "TokenVerifier":
    from chalicelib.tokens import TokenVerifier

    return TokenVerifier.of(settings())


@authorizers.authorizer(ttl_seconds=TTL_S)
def jwt_auth(request: AuthRequest) -> AuthResponse | dict[str, Any]:
    """Answer whose token it is, for all routes at once: the answer is kept by token, not by route.

    A token that is not good is denied everything, which the stage's gateway responses answer with 401. What is raised
    is ours to mend: BadSetting, KeysUnavailable, SecretUnavailable.
    """
    refuse_unsafe()
    verifier = _verifier()
    from chalicelib.tokens import NotAccepted

    try:
        subject = verifier.subject(request.token)
    except NotAccepted as refused:
        _log.info("token refused: %s", refused)
        return REFUSAL
    return AuthResponse(routes=["*"], principal_id=subject)

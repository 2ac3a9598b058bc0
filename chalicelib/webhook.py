"""Is a message the payment provider's? Held against the secrets of the settings, or of the ARNs that they name.

Knows no HTTP. A signature that fits none of the secrets known here may have been made with one that is newer, so it is
refused only when the secrets have been looked at again; how often that may be is `secrets`' matter.
"""

from collections.abc import Iterator

from chalicelib.config import Settings
from chalicelib.signature import WrongSignature, verify


def is_told_by_provider(of: Settings) -> bool:
    """Say whether the provider's word counts here; then no buyer's does."""
    return bool(of.webhook_secret or of.webhook_secret_arn)


def check(of: Settings, header: str, body: bytes, now_s: float) -> None:
    """Raise BadSignature unless the body is signed with a secret of the settings; SecretUnavailable."""
    failure = WrongSignature("There is no secret.")
    for each in _candidates(of):
        try:
            return verify([each], header, body, now_s)
        except WrongSignature as error:
            failure = error
    raise failure


def _candidates(of: Settings) -> Iterator[str]:
    """Yield the secret, the previous one, and what has taken the place of either; each is read when it is its turn."""
    from chalicelib.secrets import Secret, renewed_shared_secret, shared_secret  # a cold start needs none of it

    read: list[tuple[str, Secret]] = []
    for text, arn in (
        (of.webhook_secret, of.webhook_secret_arn),
        (of.webhook_secret_previous, of.webhook_secret_previous_arn),
    ):
        if text:
            yield text
        elif arn:
            read.append((arn, shared_secret(arn)))
            yield read[-1][1].password
    for arn, known in read:
        found = renewed_shared_secret(arn, known)
        if found is not None:
            yield found.password

"""Who asks too often waits: 429 with Retry-After, before the sale is touched. Off unless deployed or set."""

from chalicelib import wiring
from chalicelib.api.parameters import Parameters
from chalicelib.errors import OnsaleError


def refuse_flood(parameters: Parameters, user_id: str) -> None:
    """Raise OnsaleError `too-many-requests` where a buyer or an address asks faster than the settings allow."""
    limiter = wiring.limiter()
    if limiter is None:
        return
    wait_ms = limiter.wait_ms(parameters.sale_id, user_id, parameters.address)
    if wait_ms:
        seconds = wait_ms / 1000
        raise OnsaleError(
            "too-many-requests", f"Ask again in {seconds:.1f} s, and no faster than pollAfterSeconds says."
        )

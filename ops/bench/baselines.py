"""What the gateway is measured against: an application that does nothing, bare and under Chalice."""

from collections.abc import Callable, Iterable

from chalice.app import Chalice, Response

_BODY = b'{"ok":true}'
_HEADERS = [("Content-Type", "application/json")]

noop = Chalice(app_name="noop")


@noop.route("/", methods=["GET"])
def nothing() -> Response:
    """Answer at once."""
    return Response('{"ok":true}', {"Content-Type": "application/json"})


def bare(_: object, start_response: Callable[[str, list[tuple[str, str]]], object]) -> Iterable[bytes]:
    """Answer at once, without a framework (PEP 3333)."""
    start_response("200 OK", _HEADERS)
    return [_BODY]

"""The contract for programs (`/openapi.json`) and for people (`/docs`), both made by `make openapi` and shipped.

Nothing is generated here: a test holds the files and the code together.
"""

import re
from base64 import b64encode
from functools import cache
from hashlib import blake2b, sha256
from importlib.resources import files
from typing import NamedTuple

from chalice.app import Blueprint, HeadersType, Response

from chalicelib.api.contract import Answer, promises
from chalicelib.api.parameters import Parameters
from chalicelib.api.responses import public_answer
from chalicelib.api.routing import plain_route

routes = Blueprint(__name__)

CACHE_CONTROL = "public, max-age=300"


class _File(NamedTuple):
    text: str
    etag: str
    headers: HeadersType


@cache
def _file(name: str, content_type: str) -> _File:
    text = files(__package__).joinpath("static", name).read_text(encoding="utf-8")
    headers: HeadersType = {"Content-Type": content_type, "Cache-Control": CACHE_CONTROL}
    styles = [sha256(style.encode()).digest() for style in re.findall(r"<style>(.*?)</style>", text, re.DOTALL)]
    if styles:  # the page's own style and nothing else: no script, no picture, no other host
        allowed = " ".join(f"'sha256-{b64encode(digest).decode()}'" for digest in styles)
        headers["Content-Security-Policy"] = (
            f"default-src 'none'; style-src {allowed}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
    return _File(text, f'"{blake2b(text.encode(), digest_size=12).hexdigest()}"', headers)


def _send(file: _File, parameters: Parameters) -> Response:
    answer = public_answer(file.text, file.etag, parameters.header("if-none-match"))
    answer.headers.update(file.headers)
    return answer


@plain_route(routes, "/openapi.json")
@promises(Answer(200, "The OpenAPI 3.1 document.", "OpenApi"), is_public=True, takes_nothing=True)
def openapi_document(parameters: Parameters) -> Response:
    """Tell this contract to programs."""
    return _send(_file("openapi.json", "application/json"), parameters)


@plain_route(routes, "/docs")
@promises(Answer(200, "The page.", "Page", "text/html"), is_public=True, takes_nothing=True)
def docs_page(parameters: Parameters) -> Response:
    """Tell this contract to people."""
    return _send(_file("docs.html", "text/html; charset=utf-8"), parameters)

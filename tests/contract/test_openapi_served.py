"""`/openapi.json` and `/docs` as they are served: the committed files, cacheable; the page loads nothing else."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

import pytest

from chalicelib.api.responses import PROBLEMS, SECURITY_HEADERS
from ops.openapi.markup import grouped
from tests.contract.conformance import contract
from tests.contract.http_client import Api

PROJECT = Path(__file__).resolve().parents[2]
PAGE = (PROJECT / "chalicelib/api/static/docs.html").read_text(encoding="utf-8")
FILES = ("/openapi.json", "/docs")


class _Elements(HTMLParser):
    """Collects what a page is made of."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(PAGE)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs
        self.ids += [value for name, value in attrs if name == "id" and value]


def test_programs_get_the_document_that_is_committed(api: Api) -> None:
    answer = api.send("GET", "/openapi.json")
    assert answer.headers["content-type"] == "application/json"
    assert answer.json == json.loads((PROJECT / "docs/openapi.json").read_text(encoding="utf-8"))


def test_people_get_the_page_that_is_committed(api: Api) -> None:
    answer = api.send("GET", "/docs")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.text == PAGE


@pytest.mark.parametrize("path", FILES)
def test_who_has_it_already_is_told_so(api: Api, path: str) -> None:
    first = api.send("GET", path)
    again = api.send("GET", path, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status, again.text) == (304, "")
    for answer in (first, again):
        assert answer.headers["cache-control"] == "public, max-age=300"
        assert answer.headers["etag"] == first.headers["etag"]


def test_the_page_may_use_its_own_style_and_nothing_else(api: Api) -> None:
    policy = api.send("GET", "/docs").headers["content-security-policy"]
    (style,) = re.findall(r"<style>(.*?)</style>", PAGE, re.DOTALL)
    digest = b64encode(sha256(style.encode()).digest()).decode()
    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]


def test_the_page_is_one_file_without_scripts_or_other_hosts() -> None:
    page = _Elements()
    assert not page.tags & {"script", "link", "img", "iframe", "object", "form"}
    names = {name for name, _ in page.attributes}
    assert "style" not in names
    assert not [name for name in names if name.startswith("on")]
    assert not re.findall(r"https?://|url\(|@import", PAGE)


def test_every_link_of_the_page_leads_somewhere() -> None:
    page = _Elements()
    links = {value or "" for name, value in page.attributes if name == "href"}
    assert {link.removeprefix("#") for link in links if link.startswith("#")} <= set(page.ids)
    assert {link for link in links if not link.startswith("#")} == {"openapi.json"}
    assert len(set(page.ids)) == len(page.ids)


def test_the_page_tells_every_route_and_every_error() -> None:
    ids = set(_Elements().ids)
    assert {each.name for each in grouped(contract())} <= ids
    assert {f"error-{code}" for code in PROBLEMS} <= ids
    for path in contract()["paths"]:
        assert f">{path}</code>" in PAGE


def test_the_page_knows_narrow_and_dark_screens() -> None:
    assert "width=device-width" in PAGE
    assert "prefers-color-scheme: dark" in PAGE
    assert "max-width: 48rem" in PAGE


def test_every_security_header_is_in_the_document() -> None:
    headers = contract()["components"]["headers"]
    assert {name: headers[name]["schema"]["const"] for name in SECURITY_HEADERS} == SECURITY_HEADERS
    for response in contract()["components"]["responses"].values():
        assert set(SECURITY_HEADERS) <= set(response["headers"])


def test_a_preflight_has_them_too(both_servers: dict[str, Api]) -> None:
    answer = both_servers["gateway"].send("OPTIONS", "/api/v1/sale", headers={"Origin": "https://shop.example"})
    assert {name: answer.headers.get(name.lower()) for name in SECURITY_HEADERS} == SECURITY_HEADERS

"""The README's tables of routes and errors say what the code does."""

import re
from pathlib import Path

from app import app
from chalicelib.api.responses import PROBLEMS

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
IN_SALE = "/api/v1/sales/{saleId}"


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


def test_the_table_of_routes_has_every_route_and_no_other() -> None:
    told = set(re.findall(r"^\| (GET|POST|DELETE) \| `(/[^`]*)` \| `(/[^`]*)` \|", README, re.MULTILINE))
    alone = re.findall(r"^\| (GET|POST) \| `(/[^`]*)` \| \|", README, re.MULTILINE)
    told |= {(method, path, path) for method, path in alone}
    served = {(method, path) for path, views in app.routes.items() for method in views}
    assert {(method, path) for method, *paths in told for path in paths} == served


def test_the_table_of_errors_has_every_code_with_its_status_and_title() -> None:
    rows = [_cells(row) for row in README.splitlines() if re.match(r"\| \d{3} \| `[a-z-]+` \|", row)]
    told = {code.strip("`"): (int(status), title) for status, code, title, *_ in rows}
    assert told == {code: tuple(problem) for code, problem in PROBLEMS.items()}

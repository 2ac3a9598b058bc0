"""Writes the document and its page anew, from the code: `make openapi`.

docs/openapi.json is for people and their diffs; what is in chalicelib/api/static is served.
"""

from pathlib import Path

from app import app
from ops.openapi.document import document, packed, spelled
from ops.openapi.page import page

PROJECT = Path(__file__).resolve().parents[2]


def written() -> dict[str, str]:
    """Return every file's content, by its path in the project."""
    found = document(app)
    return {
        "docs/openapi.json": spelled(found),
        "chalicelib/api/static/openapi.json": packed(found),
        "chalicelib/api/static/docs.html": page(found),
    }


if __name__ == "__main__":
    for name, content in written().items():
        (PROJECT / name).write_text(content, encoding="utf-8")

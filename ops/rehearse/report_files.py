"""Writes a rehearsal's report: report.json and report.html, each whole or not at all.

A folder holds one report; the next run into it takes its place. Give each run a folder of its own to keep them all.
"""

import json
import tempfile
from pathlib import Path

from ops.files import replace
from ops.rehearse.record import Rehearsal
from ops.rehearse.report_page import page

JSON, HTML = "report.json", "report.html"


def prepare(folder: Path) -> None:
    """Make the folder and prove that a file can be put there: better before a run than after it. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder) as file:
        file.write(b"\n")


def write(rehearsal: Rehearsal, folder: Path) -> Path:
    """Write both files, the record first, and return the page's path. Raises OSError when it cannot."""
    folder.mkdir(parents=True, exist_ok=True)
    document = json.dumps(rehearsal.document(), indent=1, ensure_ascii=False, allow_nan=False)
    replace(folder / JSON, f"{document}\n")
    replace(folder / HTML, page(rehearsal))
    return folder / HTML


def read(folder: Path) -> Rehearsal:
    """Return the rehearsal whose report is in a folder. Raises OSError, ValueError (Unreadable among them)."""
    return Rehearsal.read(json.loads((folder / JSON).read_text(encoding="utf-8")))

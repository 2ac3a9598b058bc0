"""What every tracked file keeps: links that lead somewhere, no path of one machine, no download address."""

import re
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
FOREIGN = re.compile(r"/root/|/home/\w+/|/work/|--(?:extra-)?index-url|files\.pythonhosted|pypi\.org|repo1?\.maven")


def tracked() -> list[Path]:
    names = subprocess.run(["git", "ls-files"], cwd=PROJECT, capture_output=True, text=True, check=True).stdout
    return [PROJECT / name for name in names.splitlines() if (PROJECT / name).is_file()]


@pytest.mark.parametrize("document", sorted(PROJECT.glob("*.md")) + sorted(PROJECT.glob("docs/*.md")), ids=str)
def test_relative_links_lead_to_files(document: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


def test_no_file_names_a_machine_or_a_package_registry() -> None:
    found = [
        f"{path.relative_to(PROJECT)}: {match[0]}"
        for path in tracked()
        if path != Path(__file__) and (match := FOREIGN.search(path.read_text(errors="replace")))
    ]
    assert found == []

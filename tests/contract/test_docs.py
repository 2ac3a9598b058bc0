"""What every tracked file keeps: links that lead somewhere, no path of one machine, no download address."""

import re
import subprocess
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[2]
# Spelled so that it does not find itself.
FOREIGN = re.compile(
    r"/(?:root|work|home/\w+)/|--(?:extra-)?index-url|files\.(?:pythonhosted)|py(?:pi\.org)|repo1?\.(?:maven)"
)


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
        if (match := FOREIGN.search(path.read_text(errors="replace")))
    ]
    assert found == []

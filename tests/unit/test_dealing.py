"""The files that are dealt out first, or together, are files that exist."""

import re
from pathlib import Path

import pytest

from tests.dealing import LONGEST, TOGETHER

TESTS = Path(__file__).resolve().parents[1]
FILES = ["/".join(path.parts[-2:]) for path in TESTS.glob("*/test_*.py")]


def test_every_file_that_is_begun_first_is_there() -> None:
    assert set(LONGEST) <= set(FILES)
    assert len(set(LONGEST)) == len(LONGEST)


@pytest.mark.parametrize("server", TOGETHER)
def test_several_files_share_a_server_and_no_other(server: str) -> None:
    sharing = [file for file in FILES if re.search(rf"(?:^|/)(?:{TOGETHER[server]})\.py$", file)]
    assert len(sharing) > 1
    others = [files for name, files in TOGETHER.items() if name != server]
    assert not any(re.search(rf"(?:^|/)(?:{files})\.py$", file) for files in others for file in sharing)

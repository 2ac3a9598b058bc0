"""The authorities of MySQL's certificate are packed where there are any, and the template then says where."""

from pathlib import Path

import pytest

from ops.package import sources, template

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The project as it would be on another machine."""
    for name in ("chalicelib", "functions", "template.yaml"):
        (tmp_path / name).symlink_to(ROOT / name)
    (tmp_path / "infra" / "package").mkdir(parents=True)
    (tmp_path / "infra" / "mysql").symlink_to(ROOT / "infra" / "mysql")
    return tmp_path


def test_without_a_file_the_public_authorities_count(project: Path) -> None:
    assert sources.MYSQL_CA not in sources.consumers(project)
    assert template.merge_document(project)["Parameters"]["MysqlCaFile"]["Default"] == ""


def test_a_file_is_packed_and_named(project: Path) -> None:
    (project / sources.MYSQL_CA).write_text("authorities")
    assert sources.consumers(project)[sources.MYSQL_CA] == b"authorities"
    assert template.merge_document(project)["Parameters"]["MysqlCaFile"]["Default"] == sources.MYSQL_CA

"""The zips that are deployed, opened: for the right processor and Python, with all that is needed and nothing else."""

import re
import struct
import zipfile
from collections.abc import Iterator
from email import message_from_bytes
from email.message import Message
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.packages import FUNCTIONS, ROOT, ZIPS, Package

ELF_MACHINES = {183: "arm64", 62: "x86_64"}
SETS = {name: ROOT / "infra/package" / f"{name.removesuffix('.zip')}.txt" for name in ZIPS}
IN_LAMBDA = {"boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "urllib3", "six"}  # as of every Python 3
UNPACKED_BYTES = 250 * 1024 * 1024  # source: Lambda Developer Guide, quotas: deployment package, unzipped


@pytest.fixture(params=["arm", "x86", "here"])
def package(request: pytest.FixtureRequest) -> Package:
    """Each of the packages in turn."""
    made: Package = request.getfixturevalue(request.param)
    return made


def test_every_library_is_for_the_processor_and_the_python_of_each_function_that_has_it(package: Package) -> None:
    assert set(package.functions) == FUNCTIONS
    found = {name: set(_libraries(package.folder / name)) for name in ZIPS}
    for function, properties in package.functions.items():
        (arch,), runtime = properties["Architectures"], properties["Runtime"]
        assert (arch, runtime) == (package.target.arch, package.target.runtime), function
        libraries = found[properties["CodeUri"]]
        assert {machine for _, machine, _ in libraries} == {arch}, f"{function}: compiled for another, or nothing is"
        assert {f"python{tag}" for _, _, tag in libraries if tag} == {runtime}, function


def _libraries(path: Path) -> Iterator[tuple[str, str, str]]:
    """Yield the compiled libraries of a zip: name, processor, and the Python it is for unless it takes any."""
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            head = archive.open(name).read(20)
            if head[:4] == b"\x7fELF":
                tag = re.search(r"\.cpython-(\d)(\d+)-", name)
                yield name, ELF_MACHINES[struct.unpack("<H", head[18:20])[0]], f"{tag[1]}.{tag[2]}" if tag else ""
            else:
                assert not re.search(r"\.(so|pyd|dylib)(\.|$)", name), name


@pytest.mark.parametrize("name", ZIPS)
def test_all_that_is_asked_for_is_there_in_its_version(package: Package, name: str) -> None:
    asked = dict(re.findall(r"^([a-zA-Z0-9._-]+)==([^\s;\\]+)", SETS[name].read_text(), re.MULTILINE))
    found = {canonicalize_name(each["Name"]): each["Version"] for each in _distributions(package.folder / name)}
    assert found == {canonicalize_name(each): version for each, version in asked.items()}


@pytest.mark.parametrize("name", ZIPS)
def test_what_a_library_needs_is_there_or_brought_by_lambda(arm: Package, name: str) -> None:
    distributions = list(_distributions(arm.folder / name))
    there = {canonicalize_name(each["Name"]) for each in distributions} | IN_LAMBDA
    for each in distributions:
        for text in each.get_all("Requires-Dist") or []:
            needed = Requirement(text)
            environment = {"python_version": "3.13", "python_full_version": "3.13.0", "extra": ""}
            if needed.marker is None or needed.marker.evaluate(environment):
                assert canonicalize_name(needed.name) in there, f"{each['Name']} needs {text}"


def _distributions(path: Path) -> Iterator[Message]:
    with zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".dist-info/METADATA"):
                yield message_from_bytes(archive.read(name))


def test_each_zip_has_what_its_functions_need_and_nothing_else(package: Package) -> None:
    api, authorizer, consumers = (package.names(name) for name in ZIPS)
    assert {"app.py", "chalice/app.py", "chalicelib/sale/scripts/reserve.lua"} <= api
    assert not _below(api, "functions/", "jwt/", "confluent_kafka/", "pymysql/")
    assert {"chalicelib/authorizer.py", "chalice/app.py", "jwt/__init__.py", "cryptography/__init__.py"} <= authorizer
    assert not _below(authorizer, "app.py", "redis/", "chalicelib/sale/", "chalicelib/api", "functions/")
    assert {"functions/persist.py", "infra/mysql/001_sales.sql", "confluent_kafka/__init__.py"} <= consumers
    assert not _below(consumers, "chalicelib/api/", "chalice/", "app.py")
    for names in (api, authorizer, consumers):
        assert not [each for each in names if "__pycache__" in each or each.endswith(".pyc")]
        assert not _below(names, "tests/", "ops/", "bin/", ".", "requirements")


def test_no_zip_of_the_http_path_carries_what_lambda_brings(arm: Package) -> None:
    for name in ("api.zip", "authorizer.zip"):
        assert not _below(arm.names(name), "boto3/", "botocore/", "aws_lambda_powertools/")


def test_all_sql_files_lie_beside_the_functions(arm: Package) -> None:
    ours = {path.relative_to(ROOT).as_posix() for path in (ROOT / "infra/mysql").glob("*.sql")}
    assert _below(arm.names("consumers.zip"), "infra/mysql/") == ours


def test_no_zip_is_larger_than_lambda_takes(package: Package) -> None:
    for name in ZIPS:
        with zipfile.ZipFile(package.folder / name) as archive:
            assert sum(each.file_size for each in archive.infolist()) < UNPACKED_BYTES / 2


def _below(names: set[str], *starts: str) -> set[str]:
    return {name for name in names if name.startswith(starts)}

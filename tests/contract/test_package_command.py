"""`onsale package` and `make package`: the same bytes anywhere at any time, sizes told, nonsense refused."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from chalicelib.errors import InvalidRequest, OnsaleError
from ops.package.build import build
from ops.package.target import Target
from tests.packages import ARM, ROOT, ZIPS, Package

FILES = (*ZIPS, "template.json")
SOURCES = ("app.py", "chalicelib", "functions", "infra", ".chalice", "template.yaml")
INLINE_BYTES = 51_200  # source: AWS CloudFormation User Guide, quotas
MOST_BYTES = 1024 * 1024  # of a template in a bucket, same place
# All that differs between two machines, and must not matter; `trusted` is refused when deployed, not when packaged.
ELSEWHERE = {
    "TZ": "Asia/Seoul",
    "LC_ALL": "C",
    "PYTHONHASHSEED": "7",
    "IDENTITY": "trusted",
    "AWS_DEFAULT_REGION": "ap-northeast-2",
    "REDIS_URL": "redis://elsewhere:1",
}


def test_the_same_sources_give_the_same_bytes_elsewhere_and_later(arm: Package, tmp_path: Path) -> None:
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    for name in SOURCES:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, copy / name, copy_function=shutil.copyfile)
        else:
            shutil.copyfile(ROOT / name, copy / name)
    for path in copy.rglob("*"):
        os.utime(path, (2_000_000_000, 2_000_000_000))
        path.chmod(0o777)

    done = _run("onsale", "package", "--json", cwd=copy, umask=0o077, **ELSEWHERE)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [
        {"file": f"dist/{name}", "bytes": (arm.folder / name).stat().st_size} for name in sorted(FILES)
    ]
    assert "3.13 on arm64" in done.stderr
    assert "51,200 bytes" in done.stderr
    assert "--s3-bucket" in done.stderr
    for name in FILES:
        assert (copy / "dist" / name).read_bytes() == (arm.folder / name).read_bytes(), name


def test_the_template_is_compact_and_needs_a_bucket(arm: Package) -> None:
    text = (arm.folder / "template.json").read_text()
    assert text == json.dumps(arm.template, separators=(",", ":"), sort_keys=True) + "\n"
    assert INLINE_BYTES < len(text) < MOST_BYTES / 4


@pytest.mark.parametrize(
    ("words", "named"), [(("PYTHON=2.7",), "2.7"), (("PYTHON=",), "''"), (("ARCH=mips",), "mips"), (("ARCH=",), "''")]
)
def test_make_package_refuses_what_lambda_does_not_offer_and_names_it(words: tuple[str, ...], named: str) -> None:
    """What make would run, run: without the set-up before it, which has its own tests."""
    shown = _run("make", "--dry-run", "package", *words).stdout.splitlines()
    (line,) = [each for each in shown if "onsale package" in each]
    done = _run("sh", "-c", line)
    assert done.returncode == 2
    assert named in done.stderr
    assert "is not one of" in done.stderr


@pytest.mark.parametrize(
    ("words", "asked"),
    [((), ("3.13", "arm64")), (("PYTHON=3.12", "ARCH=x86_64"), ("3.12", "x86_64"))],
)
def test_make_package_passes_on_what_it_is_given(words: tuple[str, ...], asked: tuple[str, str]) -> None:
    shown = _run("make", "--dry-run", "package", *words).stdout
    assert f'--python "{asked[0]}" --arch "{asked[1]}"' in shown
    assert "env -u PYTHON sh ops/setup.sh" in shown  # or the set-up would look for a program of that name


def test_a_target_names_all_that_is_wrong_with_it() -> None:
    with pytest.raises(InvalidRequest, match=r"PYTHON: .*not 2\.7; ARCH: .*not mips"):
        Target("2.7", "mips")


def test_a_folder_that_holds_anything_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.odt").write_text("years of work")
    with pytest.raises(OnsaleError, match=r"thesis\.odt"):
        build(ROOT, ARM, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.odt"]


def test_outside_the_project_nothing_is_built(tmp_path: Path) -> None:
    done = _run("onsale", "package", cwd=tmp_path)
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])
    assert "template.yaml" in done.stderr


def _run(*words: str, cwd: Path = ROOT, umask: int = 0o022, **env: str) -> "subprocess.CompletedProcess[str]":
    program = Path(sys.executable).with_name(words[0])
    command = [str(program), *words[1:]] if program.exists() else list(words)
    left = {name: text for name, text in os.environ.items() if name not in ("PYTHON", "ARCH", "ARGS", "MAKEFLAGS")}
    return subprocess.run(
        command, cwd=cwd, env={**left, **env}, umask=umask, capture_output=True, text=True, check=False, timeout=240
    )

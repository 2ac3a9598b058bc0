"""Files that a person or a machine starts from: do they agree with each other?"""

import os
import re
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DEV = "requirements-dev.txt"


def pins(name: str) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9._-]+)==(\S+)", (ROOT / name).read_text(), re.MULTILINE))


def test_the_small_requirement_files_pin_the_same_versions_as_the_one_for_developers() -> None:
    everything = pins(DEV)
    for name in ("requirements.txt", "functions/requirements.txt"):
        assert pins(name)
        assert pins(name).items() <= everything.items()


def test_every_pinned_package_has_a_hash_and_no_file_names_where_packages_come_from() -> None:
    sets = [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("infra/*/*.txt"))]
    assert {"infra/emulators/localstack.txt", "infra/emulators/ministack.txt", "infra/package/api.txt"} <= set(sets)
    for name in (DEV, "requirements.txt", "functions/requirements.txt", *sets):
        text = (ROOT / name).read_text()
        for entry in re.split(r"\n(?=\S)", text.strip()):
            assert "--hash=sha256:" in entry, entry
        assert "://" not in text


def test_the_ci_script_runs_the_tests() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "make test" in script.read_text()


def test_kafka_is_pinned_at_4_1_or_newer() -> None:
    found = re.search(
        r"kafka_2\.13</artifactId>\s*<version>(\d+)\.(\d+)\.\d+<", (ROOT / "infra/kafka/pom.xml").read_text()
    )
    assert found is not None
    assert (int(found[1]), int(found[2])) >= (4, 1)


def test_help_names_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE)
    assert phony is not None
    done = subprocess.run(["make", "-C", str(ROOT), "help"], capture_output=True, text=True, check=True)
    assert re.findall(r"^  make (\w+)", done.stdout, re.MULTILINE) == phony[1].split()


def test_set_up_refuses_an_old_python_before_it_installs_anything(tmp_path: Path) -> None:
    for name in ("ops/setup.sh", "infra/kafka/pom.xml", DEV, "pyproject.toml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    old = tmp_path / "python-old"
    old.write_text('#!/bin/sh\nif [ "$1" = -V ]; then echo Python 3.9.2; else exit 1; fi\n')
    old.chmod(0o755)
    command = ["sh", str(tmp_path / "ops/setup.sh")]
    done = subprocess.run(command, env={**os.environ, "PYTHON": str(old)}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "is Python 3.9.2; onsale needs 3.11 or newer" in done.stderr
    assert not (tmp_path / ".venv").exists()

"""Brings a requirement set for a target into a folder: wheels only, by their hashes, nothing beyond the set."""

import subprocess
import sys
from pathlib import Path

from chalicelib.errors import OnsaleError
from ops.package.target import Target

REQUIREMENTS = Path("infra/package")


def install(root: Path, name: str, target: Target, folder: Path) -> None:
    """Install the set `name` into a folder. Raises OnsaleError `package-failed` with pip's own words."""
    words = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    words += ["--no-compile", "--require-hashes", "--no-deps", "--only-binary=:all:"]
    words += ["--implementation", "cp", "--python-version", target.python]
    for platform in target.platforms:
        words += ["--platform", platform]
    words += ["--target", str(folder), "-r", str(root / REQUIREMENTS / f"{name}.txt")]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        raise OnsaleError("package-failed", f"pip found not all of {name}: {done.stderr.strip()}")
    for script_folder in folder.glob("bin"):  # console scripts name this machine's interpreter
        for script in script_folder.iterdir():
            script.unlink()
        script_folder.rmdir()

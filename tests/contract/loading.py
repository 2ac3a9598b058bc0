"""Which modules a piece of code loads, told by a fresh interpreter."""

import json
import os
import subprocess
import sys

from ops.local.program import PROJECT


def loaded(script: str, *arguments: str, **env: str) -> set[str]:
    """Run a script that prints names of modules as a JSON list at its end; returns them."""
    ended = subprocess.run(
        [sys.executable, "-c", script, *arguments],
        cwd=PROJECT,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert ended.returncode == 0, ended.stderr
    return set(json.loads(ended.stdout.splitlines()[-1]))

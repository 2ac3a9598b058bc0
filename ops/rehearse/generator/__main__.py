"""`python -m ops.rehearse.generator ORDERS`: one process of the generator."""

import sys
from pathlib import Path

import locust  # noqa: F401 - before anything of ours: it patches the standard library

from ops.rehearse.generator.process import main

if __name__ == "__main__":
    main(Path(sys.argv[1]))

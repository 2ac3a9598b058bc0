"""How a worker tells the stack that it has begun its work: it touches the file that the stack named."""

import os
from pathlib import Path


def announce() -> None:
    """Say that this process does its work now. Does nothing where no stack has asked."""
    path = os.environ.get("ONSALE_READY_FILE")
    if path:
        Path(path).touch()

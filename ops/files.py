"""Files that are whole or not there: a reader never meets half of one, whenever the writer dies."""

import os
import tempfile
from pathlib import Path


def replace(path: Path, content: str) -> None:
    """Put a whole file where another may be: whoever dies here leaves the old one, and at worst a dotfile."""
    number, name = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    try:
        with os.fdopen(number, "w", encoding="utf-8", errors="replace") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise

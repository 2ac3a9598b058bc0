"""The Lua scripts, as package data. Each is sent as `#!lua`, the prelude, for some the line, and its own file.

`#!lua` makes Redis refuse a script before its first write where memory is short.
"""

from functools import cache
from importlib.resources import files

from chalicelib.sale.redis_link import Script


@cache
def script(name: str) -> Script:
    """Return the script of this name, comments left out. Raises FileNotFoundError for a name that has no file."""
    body = source(name)
    parts = ["prelude", "line"] if "\n-- Uses line\n" in body else ["prelude"]
    return Script("#!lua\n" + "".join(_code(source(part)) for part in parts) + _code(body))


def source(name: str) -> str:
    """Return the text of one file as it is written."""
    return files(__name__).joinpath(f"{name}.lua").read_text(encoding="utf-8")


def _code(text: str) -> str:
    lines = (line.strip() for line in text.splitlines())
    return "".join(f"{line}\n" for line in lines if line and not line.startswith("--"))

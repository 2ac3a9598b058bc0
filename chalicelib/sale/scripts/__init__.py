"""The Lua scripts, as package data. Each is sent as `#!lua`, the prelude, and its own file with the parts it names.

`#!lua` makes Redis refuse a script before its first write where memory is short.
"""

from functools import cache
from importlib.resources import files

from chalicelib.sale.redis_link import Script

_PART = "--@ "  # a line `--@ claim` stands for the code of claim.lua, there and then


@cache
def script(name: str) -> Script:
    """Return the script of this name, comments left out. Raises FileNotFoundError for a name that has no file."""
    return Script("#!lua\n" + _code("prelude") + _code(name))


def source(name: str) -> str:
    """Return the text of one file as it is written."""
    return files(__name__).joinpath(f"{name}.lua").read_text(encoding="utf-8")


def _code(name: str) -> str:
    lines = (line.strip() for line in source(name).splitlines())
    return "".join(
        _code(line.removeprefix(_PART)) if line.startswith(_PART) else f"{line}\n"
        for line in lines
        if line and (line.startswith(_PART) or not line.startswith("--"))
    )

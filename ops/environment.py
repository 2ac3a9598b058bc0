"""Where a setting comes from: a flag, then the environment, then HOME/env (written by `up`), then its default."""

import os
from collections.abc import Mapping, MutableMapping

from chalicelib.config import documented, settings

_NAMES = tuple(each.name for each in documented())
_of_home: set[str] = set()  # what this process has of HOME/env


def layer(
    flags: Mapping[str, str], environment: MutableMapping[str, str] = os.environ, *, with_home: bool = True
) -> None:
    """Put flags over the environment and HOME/env under it, and forget settings that were read before."""
    environment.update(flags)
    _of_home.difference_update(flags)
    settings.cache_clear()
    if not with_home:
        return
    from ops.local.home import Home

    home = Home.of(environment.get("ONSALE_HOME") or ".local")
    for name, value in home.read_env().items():
        if name in _NAMES and not environment.get(name):  # the emulator's dummy credentials are not for this process
            environment[name] = value
            _of_home.add(name)


def forget_home(environment: MutableMapping[str, str] = os.environ) -> None:
    """Take back what came from HOME/env: with an emulator's address in it, another stage would be looked for there."""
    for name in _of_home:
        environment.pop(name, None)
    _of_home.clear()
    settings.cache_clear()


def point_at(chosen: Mapping[str, str], environment: MutableMapping[str, str] = os.environ) -> None:
    """Make this process a client of another stack: its settings, and no setting of the shell beside them."""
    from chalicelib import wiring
    from functions import mysql

    for name in _NAMES:
        environment.pop(name, None)
    environment.update(chosen)
    for cached in (settings, wiring.link, wiring.store, wiring.reader, wiring.outbox, mysql.database):
        cached.cache_clear()

"""Where a setting comes from: a flag, then the environment, then HOME/env (written by `up`), then its default."""

import os
from collections.abc import Mapping, MutableMapping

from chalicelib.config import settings


def layer(flags: Mapping[str, str], environment: MutableMapping[str, str] = os.environ) -> None:
    """Put flags over the environment and HOME/env under it, and forget settings that were read before."""
    from ops.local.home import Home

    environment.update(flags)
    home = Home.of(environment.get("ONSALE_HOME") or ".local")
    for name, value in home.read_env().items():
        if not environment.get(name):
            environment[name] = value
    settings.cache_clear()

"""The process `aws`: moto's server, and in it what a fresh account would be given once: `… aws_emulator PORT`."""

import logging
import sys
import threading

from moto.server import ThreadedMotoServer

from ops.local import aws
from ops.local.aws_account import provision
from ops.local.ports import HOST
from ops.local.readiness import announce


def main(port: int) -> None:
    """Serve until killed."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # no line per request
    server = ThreadedMotoServer(HOST, port)
    server.start()
    provision(aws.settings(port))
    announce()
    threading.Event().wait()


if __name__ == "__main__":
    main(int(sys.argv[1]))

"""The process `aws`: moto's server, and in it what a fresh account would be given once: `… aws_emulator PORT`.

moto keeps every message for ever, so that one can look; a stack that runs for days keeps the latest.
"""

import logging
import sys
import time

from moto.server import ThreadedMotoServer
from moto.ses.models import RawMessage, ses_backends
from moto.sns.models import sns_backends

from ops.local import aws
from ops.local.aws_account import provision
from ops.local.ports import HOST
from ops.local.readiness import announce

KEPT = 2_000  # messages of a topic, SMS and mails each: some 3 MB
_FORGETS_EVERY_S = 2.0


def forget(kept: int = KEPT) -> None:
    """Drop all but the latest messages. Requests may be served meanwhile: each step is one of the interpreter's."""
    for account in list(sns_backends.values()):
        for backend in list(account.values()):
            for topic in list(backend.topics.values()):
                del topic.sent_notifications[:-kept]
            while len(backend.sms_messages) > kept:
                backend.sms_messages.popitem(last=False)  # type: ignore[call-arg]  # an OrderedDict, in truth
    for mailing in list(ses_backends.values()):
        for office in list(mailing.values()):
            del office.sent_messages[:-kept]
    del RawMessage.instances_tracked[:-kept]  # type: ignore[attr-defined]  # a second list, for moto's own page


def main(port: int) -> None:
    """Serve until killed."""
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # no line per request
    server = ThreadedMotoServer(HOST, port)
    server.start()
    provision(aws.settings(port))
    announce()
    while True:
        time.sleep(_FORGETS_EVERY_S)
        forget()


if __name__ == "__main__":
    main(int(sys.argv[1]))

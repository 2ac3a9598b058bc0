"""What is written to an on-failure topic: one JSON document per record that was given up.

Source: AWS Lambda Developer Guide, "Using a Kafka topic as an on-failure destination", record format; "Capturing
discarded batches", conditions. AWS does not say there what the condition of a record that is too old is called: here
it is the word that it has for asynchronous events.
"""

import json
from datetime import UTC, datetime
from typing import Any

from ops.local.event_source.delivery import Discard
from ops.local.event_source.lambda_event import Message, payload
from ops.local.event_source.mapping import MSK, EventSourceMapping


def failure_record(
    mapping: EventSourceMapping,
    bootstrap_servers: str,
    message: Message,
    why: Discard,
    *,
    invocations: int,
    function_name: str,
    request_id: str,
    now: datetime,
) -> bytes:
    """Return the document about a message that is given up."""
    event = payload(mapping, bootstrap_servers, [message])
    error = {"functionError": why.function_error} if why.function_error else {}
    response = {"statusCode": 200, "executedVersion": "$LATEST", **error} if why.was_invoked else None
    arn = {"eventSourceArn": mapping.arn} if mapping.kind == MSK else {}
    about: dict[str, Any] = {
        "requestContext": {
            "requestId": request_id,
            "functionArn": f"arn:aws:lambda:local:000000000000:function:{function_name}:$LATEST",
            "condition": why.condition,
            "approximateInvokeCount": invocations,
        },
        "responseContext": response,
        "version": "1.0",
        "timestamp": _spelled(now),
        "KafkaBatchInfo": {
            "batchSize": 1,
            **arn,
            "bootstrapServers": bootstrap_servers,
            "payloadSize": len(event),
            "recordInfo": {
                "offset": str(message.offset),
                "timestamp": _spelled(datetime.fromtimestamp(max(0, message.timestamp_ms) / 1000, UTC)),
            },
        },
    }
    return json.dumps(about, separators=(",", ":")).encode()[:-1] + b',"payload":' + event + b"}"


def _spelled(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

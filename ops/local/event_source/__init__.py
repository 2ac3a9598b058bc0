"""Lambda's Kafka poller for one machine: reads a mapping from a SAM template and serves the function it names.

    template.py       the template as YAML with CloudFormation's tags, references resolved
    mapping.py        the event source mapping and the function, as values; where they are found in a template
    lambda_event.py   Kafka messages as the JSON that Lambda delivers
    function.py       the handler, its context and its time-out; what its answer means
    delivery.py       a batch on its way, what is left of it after an answer, when it is tried again
    poller.py         the loop: collect, deliver, commit, retry, hand over

No emulator of AWS polls Kafka. Nothing here knows onsale but `__main__.py`, which takes the defaults from its settings.
"""

"""Lambda's Kafka poller for one machine: reads a mapping from a SAM template and serves the function it names.

What a template says
    template.py           the template as YAML with CloudFormation's tags, references resolved
    section.py            typed properties, and complaints that name file, function and property
    properties.py         every property there is, and what becomes of it
    mapping.py            the event source mapping as a value
    function_spec.py      the function as a value; where both are found in a template
    patterns.py           the grammar of filters, on JSON
    filters.py            which Kafka records a filter lets through
What becomes of a record
    lambda_event.py       Kafka messages as the JSON that Lambda delivers
    answer.py             what the function's answer means
    delivery.py           a batch on its way, and what is left of it after an invocation
    backlog.py            what was read and is not done, and so what may be committed
    failure_record.py     what is written of a record that is given up
Who does it
    invocation.py         the seam: a function that can be invoked
    child_function.py     … in a process of its own, which runs handler_process.py
    remote_function.py    … behind Lambda's API
    failure_topic.py      the on-failure destination
    consumer.py           the Kafka client's settings and records
    membership.py         the consumer, and another in its place when it is of no more use
    starting_position.py  where a new group begins
    poller.py             the loop: collect, deliver, commit, retry, hand over
    pollers.py            several of them as processes

No emulator of AWS polls Kafka. Nothing here knows onsale but `__main__.py`, which takes the defaults from its settings.
docs/event-source.md is its manual.
"""

"""Handlers in a process of their own, on a real Kafka: whatever they do to it, records arrive again and in order."""

import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from ops.local.event_source.child_function import ChildFunction
from ops.local.event_source.function_spec import FunctionSpec
from ops.local.event_source.invocation import FunctionFailed
from tests.conftest import LATE_S, Eventually
from tests.functions.event_sources import ChildToy, Source, failing, flat

HANGS = {
    "in Python": "time.sleep(60)",
    "in Python, catching what is raised": """
        while True:
            try:
                time.sleep(60)
            except BaseException:
                pass
    """,
    "in C, holding the interpreter, all signals blocked": """
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
        ctypes.PyDLL(None).sleep(60)
    """,
    "stopped": "os.kill(os.getpid(), signal.SIGSTOP)",
}
ENDS = {
    "raises": ("raise ValueError('no')", "ValueError"),
    "raises what is no Exception": ("raise KeyboardInterrupt", "signal SIGINT"),
    "leaves": ("sys.exit(3)", "exit status 3"),
    "leaves without a word": ("os._exit(0)", "exit status 0"),
    "segfaults": ("ctypes.string_at(0)", "signal SIGSEGV"),
    "is killed": ("os.kill(os.getpid(), signal.SIGKILL)", "signal SIGKILL"),
    "closes its channel": ("os.closerange(3, 100)\ntime.sleep(60)", "closed its channel"),
    "leaves, its channel held by another": ("os.fork() or time.sleep(5)\nos._exit(4)", "exit status 4"),
    "returns no JSON": ("return object()", "Runtime.MarshalError"),
    "returns bytes": ("return b'x'", "Runtime.MarshalError"),
    "returns too much": ("return 'x' * 7_000_000", "Function.ResponseSizeTooLarge"),
    "returns a text": ("return 'all'", "answered badly"),
    "returns a number": ("return 7", "answered badly"),
    "returns true": ("return True", "answered badly"),
    "names no offset": ("return {'batchItemFailures': [{'itemIdentifier': {}}]}", "answered badly"),
    "names an empty identifier": ("return {'batchItemFailures': [{'itemIdentifier': ''}]}", "answered badly"),
    "names a wrong offset": (
        "return {'batchItemFailures': [{'itemIdentifier': {'partition': list(event['records'])[0], 'offset': 99}}]}",
        "answered badly",
    ),
}


def _only_first(code: str) -> str:
    lines = code.strip("\n").splitlines()
    margin = min(len(line) - len(line.lstrip()) for line in lines if line.strip())
    return "\n".join(["if attempt == 1:", *[f"    {line[margin:]}" for line in lines]])


def _spec(folder: Path, handler: str = "toy.handler", timeout_s: float = 30) -> FunctionSpec:
    return FunctionSpec("Toy", handler, folder, timeout_s, 128)


@pytest.mark.parametrize("code", HANGS.values(), ids=HANGS)
def test_a_handler_that_hangs_is_ended_and_its_batch_delivered_again(
    source: Source, tmp_path: Path, eventually: Eventually, caplog: pytest.LogCaptureFixture, code: str
) -> None:
    source.produce(*[b"x"] * 3)
    toy = ChildToy(tmp_path, _only_first(code), timeout_s=1)

    source.start(toy, batch_size=3, window_s=LATE_S)
    eventually(lambda: source.committed() == {0: 3})

    assert len(toy.offsets) > 1
    assert toy.offsets == [[0, 1, 2]] * len(toy.offsets)  # the machine may be so busy that what is well times out too
    assert "timed out after 1 s" in caplog.text


@pytest.mark.parametrize(("code", "said"), ENDS.values(), ids=ENDS)
def test_whatever_a_handler_does_its_batch_is_delivered_again(
    source: Source,
    tmp_path: Path,
    eventually: Eventually,
    caplog: pytest.LogCaptureFixture,
    code: str,
    said: str,
) -> None:
    source.produce(*[b"x"] * 3)
    toy = ChildToy(tmp_path, _only_first(code), timeout_s=30)

    source.start(toy, batch_size=3, window_s=LATE_S)
    eventually(lambda: source.committed() == {0: 3})

    assert toy.offsets == [[0, 1, 2]] * 2
    assert said in caplog.text


def test_a_process_that_dies_with_every_batch_is_halved_down_to_the_record_that_kills_it(
    source: Source, tmp_path: Path, eventually: Eventually
) -> None:
    source.produce(*[b"x"] * 4)
    toy = ChildToy(tmp_path, "if 2 in offsets:\n    ctypes.string_at(0)")

    source.start(toy, batch_size=4, window_s=LATE_S, bisects=True, max_retries=1)
    eventually(lambda: source.committed() == {0: 4})

    assert toy.offsets == [[0, 1, 2, 3], [0, 1], [2, 3], [2], [2], [3]]


def test_partial_answers_of_several_partitions_come_back_through_the_pipe(
    wide_source: Source, tmp_path: Path, eventually: Eventually
) -> None:
    for _ in range(2):
        wide_source.produce(b"x", partition_key=b"a")
        wide_source.produce(b"x", partition_key=b"d")
    answer: Any = failing(wide_source, (0, 1), (1, 0))
    toy = ChildToy(tmp_path, f"return {answer!r} if attempt == 1 else None")

    wide_source.start(toy, batch_size=4, window_s=LATE_S)
    eventually(lambda: wide_source.committed() == {0: 2, 1: 2})

    assert [sorted(batch) for batch in toy.offsets] == [[0, 0, 1, 1], [0, 1, 1]]


def test_one_process_serves_all_batches(source: Source, tmp_path: Path, eventually: Eventually) -> None:
    source.produce(*[b"x"] * 20)
    toy = ChildToy(tmp_path, "(HERE / str(os.getpid())).touch()")

    source.start(toy, batch_size=2)
    eventually(lambda: source.committed() == {0: 20})

    assert flat(toy.offsets) == list(range(20))
    assert [path.name for path in tmp_path.iterdir() if path.name.isdigit()] == [str(toy.pid)]


def test_the_process_killed_again_and_again_loses_and_disorders_nothing(
    source: Source, tmp_path: Path, eventually: Eventually
) -> None:
    source.produce(*[b"x"] * 60)
    toy = ChildToy(tmp_path, "time.sleep(0.03)")
    source.start(toy, batch_size=3)

    for batches in (1, 4, 7, 10):
        eventually(lambda least=batches: len(toy.offsets) >= least)  # type: ignore[misc]
        if toy.pid:
            os.kill(toy.pid, signal.SIGKILL)
    eventually(lambda: source.committed() == {0: 60})

    once = [batch for number, batch in enumerate(toy.offsets) if batch not in toy.offsets[:number]]
    assert flat(once) == list(range(60))
    assert toy.offsets == sorted(toy.offsets)


def test_what_a_handler_started_is_ended_with_it(tmp_path: Path) -> None:
    code = """
import subprocess
(HERE / "pid").write_text(str(subprocess.Popen(["sleep", "600"]).pid))
time.sleep(600)
"""
    toy = ChildToy(tmp_path, code, timeout_s=2)

    with pytest.raises(FunctionFailed, match="timed out after 2 s"):
        toy.invoke(b'{"records": {}}')
    toy.close()

    assert _is_gone(int((tmp_path / "pid").read_text()))


def _is_gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_handler_finds_what_it_would_find_in_lambda(tmp_path: Path) -> None:
    code = """
return {"remaining": context.get_remaining_time_in_millis(), "id": context.aws_request_id, "cwd": os.getcwd(),
        "path": sys.path[0], "about": [context.function_name, context.memory_limit_in_mb, context.function_version],
        "modules": [name for name in sys.modules if name.startswith(("ops", "confluent"))]}
"""
    toy = ChildToy(tmp_path, code, timeout_s=60)
    found = toy.invoke(b'{"records": {}}')
    toy.close()

    assert 30_000 < found["remaining"] <= 60_000
    assert found["id"] == toy.request_id
    assert found["about"] == ["Toy", "128", "$LATEST"]
    assert found["cwd"] == found["path"] == str(tmp_path)
    assert found["modules"] == []


def test_a_large_event_and_a_large_answer_pass(tmp_path: Path) -> None:
    toy = ChildToy(tmp_path, "return event['x'][:6_000_000]")
    assert toy.invoke(b'{"records": {}, "x": "%s"}' % (b"y" * 6_200_000)) == "y" * 6_000_000
    toy.close()


@pytest.mark.parametrize(
    ("code", "handler", "said"),
    [
        ("", "nowhere.handler", "No module named 'nowhere'"),
        ("", "toy.nothing", "no attribute 'nothing'"),
        ("raise RuntimeError('not today')", "toy.handler", "not today"),
        ("import os; os._exit(9)", "toy.handler", "exit status 9"),
    ],
)
def test_a_handler_that_cannot_be_imported_says_why(tmp_path: Path, code: str, handler: str, said: str) -> None:
    (tmp_path / "toy.py").write_text(code)
    function = ChildFunction(_spec(tmp_path, handler))

    for _ in range(2):  # it is tried anew each time
        with pytest.raises(FunctionFailed, match=said):
            function.start()
    function.close()


def test_a_function_that_was_closed_has_left_no_process(tmp_path: Path) -> None:
    toy = ChildToy(tmp_path, "")
    toy.start()
    pid = toy.pid

    toy.close()
    toy.close()

    assert _is_gone(pid)

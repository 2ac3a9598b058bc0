"""Runs of the benchmark are kept whole, read again whatever lies beside them, and compared by what travels."""

import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from ops.bench import machine as machines
from ops.bench import runs
from ops.bench.figures import Figure
from ops.bench.machine import Machine
from ops.bench.report import as_table, compare, documents
from ops.bench.runs import Run, read, recorded, write
from ops.commands import bench as command
from ops.console import FAILED, OK, USAGE
from ops.documents import Unreadable

HERE = Machine("Fast(R) Chip(TM) CPU @ 3.00GHz", 2, 8 * 2**30, "Debian", 0.1)
FIGURES = (
    Figure("enter", 5_000, "req/s", 10_000, "no-op", 0.4, note="with a note"),
    Figure("a buyer", 120, "bytes"),
)


def a_run(when: str = "2026-11-21T10:00:00+00:00", **changes: Any) -> Run:
    made = Run(when, 300.5, HERE, FIGURES, "abc123", {"python": "3.11"}, "why")
    return replace(made, **changes)


def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = write(a_run(), tmp_path)
    assert path.name == "2026-11-21-100000-fast-chip-2c.json"
    assert read(path) == a_run()
    document = json.loads(path.read_text())
    assert (document["schema"], document["figures"][0]["ratio"], document["figures"][0]["met"]) == (1, 0.5, True)


def test_a_file_says_nothing_by_which_its_machine_could_be_found() -> None:
    known = set(a_run().document()["machine"])
    assert known == {"model", "cores", "memoryBytes", "os", "loadBefore", "busy"}


def test_a_run_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="no space"):
        write(a_run(), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_two_figures_of_one_name_are_no_run(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="same name: enter"):
        write(a_run(figures=(FIGURES[0], FIGURES[0])), tmp_path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read"),
        ("\xff", "cannot be read"),
        ("[]", "schema None"),
        ('{"schema": 0}', "schema 0; this version reads 1"),
        ('{"schema": 1}', "when is missing"),
        ('{"schema": 1, "when": "soon", "tookSeconds": 1, "machine": {}, "figures": []}', "machine.model is missing"),
    ],
)
def test_a_file_that_is_no_run_is_told_of_in_one_line_and_left_out(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "2026-bad.json").write_bytes(text.encode("latin-1"))
    write(a_run(), tmp_path)
    found, complaints = recorded(tmp_path)
    assert found == [a_run()]
    assert len(complaints) == 1
    assert said in complaints[0]
    assert "2026-bad.json" in complaints[0]
    assert "\n" not in complaints[0]


def test_a_moment_that_is_none_is_told_of_too(tmp_path: Path) -> None:
    path = write(a_run(), tmp_path)
    path.write_text(path.read_text().replace("2026-11-21T10:00:00+00:00", "yesterday"))
    with pytest.raises(Unreadable, match="yesterday"):
        read(path)


def test_runs_come_in_the_order_of_their_time_and_no_folder_is_no_run(tmp_path: Path) -> None:
    late, early = a_run("2026-11-22T00:30:00+02:00"), a_run("2026-11-21T22:00:00+00:00")
    for run in (late, early):
        write(run, tmp_path)
    assert recorded(tmp_path)[0] == [early, late]
    assert recorded(tmp_path / "nothing") == ([], [])


def test_ratios_are_compared_with_any_machine_and_values_with_the_same_kind_alone() -> None:
    faster = Figure("enter", 12_000, "req/s", 20_000, "no-op", 0.4)
    smaller = Figure("a buyer", 60, "bytes")
    then, change = compare(faster, FIGURES[0], same_machine=False)
    assert (then, round(change or 0, 3)) == (0.5, 0.2)
    assert compare(smaller, FIGURES[1], same_machine=False) == (None, None)
    assert compare(smaller, FIGURES[1], same_machine=True) == (120, -0.5)


def test_what_was_measured_against_something_else_is_not_compared() -> None:
    other = replace(FIGURES[0], limit_name="bare answer")
    assert compare(other, FIGURES[0], same_machine=True) == (None, None)
    assert compare(FIGURES[0], None, same_machine=True) == (None, None)
    assert compare(replace(FIGURES[0], value=0), replace(FIGURES[0], value=0), same_machine=True) == (0, None)


def test_the_table_has_what_the_last_run_had_and_the_change() -> None:
    last = a_run(figures=(replace(FIGURES[0], value=4_000), *FIGURES[1:]))
    head, first, second = click.unstyle(as_table(FIGURES, last, same_machine=False)).splitlines()
    assert head.split()[-2:] == ["last", "change"]
    assert first.split()[-3:] == ["0.40", "+25%", "met"]
    assert second.split() == ["a", "buyer", "120", "bytes"]
    assert "last" not in as_table(FIGURES).splitlines()[0]


def test_the_document_has_the_comparison_beside_each_figure() -> None:
    last = a_run(figures=(replace(FIGURES[0], value=4_000),))
    first, second = documents(a_run(), last)
    assert first["last"] == {"ratio": 0.4, "change": pytest.approx(0.25)}
    assert second["last"] is None


def test_a_machine_is_busy_by_its_load_for_each_core() -> None:
    assert not replace(HERE, load_before=1.0).is_busy
    assert replace(HERE, load_before=1.1).is_busy
    assert not replace(HERE, load_before=None).is_busy
    assert "busy" in a_run(machine=replace(HERE, load_before=9.0)).told()


class Bench:
    """The command with parts that measure nothing and a folder of its own."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        patch.setattr(runs, "PROJECT", folder)
        patch.setattr(machines, "this_machine", lambda: HERE)
        patch.setattr(machines, "versions", dict)
        patch.setattr(machines, "revision", lambda _: "abc123")
        patch.setattr(runs, "recorded", lambda: recorded(folder))
        patch.setattr(runs, "write", lambda run: write(run, folder))
        patch.setattr(command, "import_module", self._module)
        self.fails = ""

    def _module(self, name: str) -> "Bench":
        self._part = name.rpartition(".")[2]
        return self

    def measure(self) -> list[Figure]:
        if self._part == self.fails:
            raise RuntimeError("no server")
        return [replace(FIGURES[0], name=self._part)]

    def run(self, *words: str) -> tuple[int | None, str, str]:
        done = CliRunner().invoke(command.bench, words, standalone_mode=False)
        code = done.return_value if done.exception is None else getattr(done.exception, "exit_code", None)
        return code, done.stdout, done.stderr

    def kept(self) -> list[Run]:
        return recorded(self.folder)[0]


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    return Bench(tmp_path, monkeypatch)


def test_a_whole_run_is_kept_and_the_next_one_compared_with_it(bench: Bench) -> None:
    code, out, _ = bench.run("--note", "before")
    assert (code, "change" in out, [run.note for run in bench.kept()]) == (OK, False, ["before"])
    code, out, _ = bench.run("--no-record")
    assert (code, "+0%" in out, len(bench.kept())) == (OK, True, 1)
    assert f"last: {bench.kept()[0].name}" in out


def test_parts_are_compared_and_not_kept(bench: Bench) -> None:
    bench.run()
    code, out, _ = bench.run("http")
    assert (code, "+0%" in out, len(bench.kept())) == (OK, True, 1)
    assert bench.run("http", "--record")[0] == USAGE


def test_a_part_that_fails_takes_no_other_with_it_and_the_run_is_not_kept(bench: Bench) -> None:
    bench.fails = "identity"
    code, out, err = bench.run()
    assert (code, bench.kept()) == (FAILED, [])
    assert "identity could not be measured: RuntimeError: no server" in err
    assert "not recorded" in err
    assert "recovery" in out


def test_json_has_the_run_the_comparison_and_nothing_else_on_stdout(bench: Bench) -> None:
    bench.run()
    code, out, _ = bench.run("--json", "--no-record")
    document = json.loads(out)
    assert code == OK
    assert document["comparedWith"]["name"] == bench.kept()[0].name
    assert document["figures"][0]["last"] == {"ratio": 0.5, "change": 0.0}
    assert document["failedParts"] == []


def test_a_file_that_cannot_be_read_keeps_nobody_from_measuring(bench: Bench) -> None:
    (bench.folder / "old.json").write_text('{"schema": 0}')
    code, _, err = bench.run()
    assert (code, len(bench.kept())) == (OK, 1)
    assert "old.json is of schema 0" in err


def test_a_busy_machine_is_told_of(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machines, "this_machine", lambda: replace(HERE, load_before=3.0))
    assert "busy" in bench.run("http")[2]

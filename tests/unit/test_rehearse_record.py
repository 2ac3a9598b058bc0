"""A rehearsal's record comes back from report.json as it was, and a bad one is refused by the name of its member."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ops.documents import Unreadable
from ops.rehearse import report_files
from ops.rehearse.record import Check, Rehearsal, Spread
from ops.rehearse.thresholds import load
from ops.rehearse.verdict import judged
from tests.rehearsals import rehearsal, soaked, with_faults


def _through_json(document: object) -> Any:
    return json.loads(json.dumps(document, allow_nan=False))


@pytest.mark.parametrize("of", [rehearsal(), with_faults(rehearsal()), soaked(rehearsal())])
def test_a_record_comes_back_as_it_was(of: Rehearsal) -> None:
    whole = judged(of, load())
    assert Rehearsal.read(_through_json(whole.document())) == whole


def test_a_check_may_hold_words_numbers_or_nothing() -> None:
    checks = tuple(Check("a", value, "", 1.0, "at most", None) for value in ("never", 1.5, None))
    whole = replace(rehearsal(), checks=checks)
    assert Rehearsal.read(_through_json(whole.document())).checks == checks


def test_members_that_a_later_version_adds_are_ignored() -> None:
    document = _through_json(rehearsal().document())
    document["weather"] = "fine"
    document["machine"]["fans"] = 3
    assert Rehearsal.read(document) == rehearsal()


def test_members_that_an_earlier_version_did_not_have_take_their_defaults() -> None:
    document = _through_json(rehearsal().document())
    del document["proof"], document["soak"], document["machine"]["cores"]
    read = Rehearsal.read(document)
    assert read.proof.oversold is None
    assert read.machine.cores is None


def test_a_figure_that_is_no_number_becomes_unknown() -> None:
    odd = replace(rehearsal(), sale=replace(rehearsal().sale, write_behind_ms=Spread(float("nan"), float("inf"), 1.0)))
    assert Rehearsal.read(_through_json(odd.document())).sale.write_behind_ms == Spread(None, None, 1.0)


@pytest.mark.parametrize(
    ("member", "value", "named"),
    [
        ("schema", 2, "schema must be 1, not 2"),
        ("tookSeconds", "long", "tookSeconds must be a number"),
        ("exitCode", True, "exitCode must be a whole number"),
        ("checks", {}, "checks must be a list"),
        ("machine", [], "machine must be an object"),
        ("timeline", {"seconds": [0], "series": {"waiting": ["x"]}}, r"timeline.series.waiting\[0\] must be a number"),
        ("processes", {"redis": {"cpu": 1}}, "processes.redis.cpu must be a list"),
    ],
)
def test_what_is_wrong_is_named(member: str, value: object, named: str) -> None:
    with pytest.raises(Unreadable, match=named):
        Rehearsal.read({**_through_json(rehearsal().document()), member: value})


def test_what_is_missing_is_named_and_what_is_no_report_is_refused() -> None:
    document = _through_json(rehearsal().document())
    del document["startedAt"]
    with pytest.raises(Unreadable, match="startedAt is missing"):
        Rehearsal.read(document)
    with pytest.raises(Unreadable, match="schema"):
        Rehearsal.read([])


def test_a_folder_holds_one_report_whole_and_nothing_beside_it(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "report"
    report_files.write(judged(rehearsal(), load()), folder)
    second = replace(judged(rehearsal(), load()), started_at="2026-05-05T18:00:00.000Z")
    page = report_files.write(second, folder)
    assert sorted(path.name for path in folder.iterdir()) == ["report.html", "report.json"]
    assert report_files.read(folder) == second
    assert "2026-05-05" in page.read_text(encoding="utf-8")


def test_a_folder_that_cannot_be_is_found_out_before_the_run(tmp_path: Path) -> None:
    report_files.prepare(tmp_path / "new")
    assert list((tmp_path / "new").iterdir()) == []
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        report_files.prepare(tmp_path / "file")


def test_a_report_that_cannot_be_written_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report_files.write(rehearsal(), tmp_path)
    before = (tmp_path / "report.json").read_bytes()

    def full(_: int) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="no space left"):
        report_files.write(replace(rehearsal(), name="other"), tmp_path)
    assert (tmp_path / "report.json").read_bytes() == before
    assert len(list(tmp_path.iterdir())) == 2

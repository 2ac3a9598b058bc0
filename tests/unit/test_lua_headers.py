"""Each script says truly what it is given and what it answers: its header is read and compared with its code."""

import re
from pathlib import Path

import pytest

from chalicelib.sale import scripts
from chalicelib.sale.keys import SaleKeys, script_keys
from chalicelib.sale.replies import REFUSALS
from chalicelib.sale.store import SaleStore

FOLDER = Path(scripts.__file__).parent
STEMS = sorted(path.stem for path in FOLDER.glob("*.lua"))
SCRIPTS = [stem for stem in STEMS if "-- KEYS[1]" in scripts.source(stem)]
LONGEST = 110
WRITERS = {"HSET", "HDEL", "HINCRBY", "ZADD", "ZREM", "ZPOPMIN", "UNLINK", "XADD", "RPUSH", "PEXPIRE", "XGROUP"}


def header(stem: str) -> str:
    """The comment that a script opens with."""
    return "\n".join(line for line in scripts.source(stem).split("\nlocal ")[0].splitlines() if line.startswith("-- "))


def returned(stem: str) -> set[str]:
    """The outcome words of a header."""
    return set(re.findall(r'^--   \{"([A-Z_]+)"', header(stem), re.M))


def slots(stem: str, of: str) -> list[tuple[int, str]]:
    """The numbers and names of the keys or arguments of a header."""
    return [(int(number), name) for number, name in re.findall(rf"^-- {of}\[(\d+)\] (\w+) ", header(stem), re.M)]


def code(stem: str) -> str:
    """What is sent for a script, without the prelude."""
    return scripts.script(stem).text.split("local epoch, version, held", 1)[1]


def words_in(text: str) -> set[str]:
    """The words in upper case that a piece of code may answer."""
    return set(re.findall(r"'([A-Z][A-Z_]+)'", text))


def test_the_scripts_are_the_ten_of_the_store() -> None:
    assert len(SCRIPTS) == 10
    assert set(SCRIPTS) <= set(dir(SaleStore))


@pytest.mark.parametrize("stem", STEMS)
def test_a_file_opens_with_its_name_and_is_short(stem: str) -> None:
    lines = scripts.source(stem).splitlines()
    assert re.fullmatch(rf"-- {stem}: [a-z].+\.", lines[0]) or lines[0].startswith(f"-- {stem}: ")
    assert len(lines) <= LONGEST


@pytest.mark.parametrize("stem", SCRIPTS)
def test_the_keys_of_a_header_are_those_that_the_store_sends(stem: str) -> None:
    names = [key.split("}:", 1)[1] for key in script_keys("x", stem)]
    assert slots(stem, "KEYS") == list(enumerate(names, 1))
    assert names == list(SaleKeys.__slots__)[: len(names)]


@pytest.mark.parametrize("stem", SCRIPTS)
def test_every_argument_of_a_header_is_used_and_no_other(stem: str) -> None:
    declared = [number for number, _ in slots(stem, "ARGV")]
    used = {int(number) for number in re.findall(r"ARGV\[(\d+)\]", code(stem))}
    assert declared == list(range(1, len(declared) + 1))
    last = {"create_sale": {6}, "configure_sale": {4}}.get(stem, set())  # the list that goes on to the end
    if last:
        assert re.search(rf"unpack\(ARGV, {max(last)}|for i = {max(last)}", code(stem))
    assert used | last == set(declared)


@pytest.mark.parametrize("stem", SCRIPTS)
def test_every_outcome_of_a_header_is_in_the_code(stem: str) -> None:
    assert returned(stem)
    built = {"confirm": {"PAID"}}.get(stem, set())
    in_code = words_in(code(stem))
    passed_on = returned(stem) & {"LAPSED", "EXPIRED", "CANCELLED", "HELD", "CONFIRMED"}  # read from the record
    assert returned(stem) - in_code - built - passed_on == set()


@pytest.mark.parametrize("stem", SCRIPTS)
def test_every_outcome_in_the_code_is_in_the_header(stem: str) -> None:
    text = code(stem)
    answered = set(re.findall(r"return \{\s*'([A-Z_]+)'", text))
    answered |= set(re.findall(r"return \{\w+[^{}]*?(?:and|or) '([A-Z_]+)'", text))
    chosen = re.findall(r"(?:fate|refusal) = ((?:[^\n]*\n\s*(?:and|or) )*[^\n]*)", re.sub(r"[=~]= '\w+'", "", text))
    answered |= {word for choice in chosen for word in words_in(choice)}
    assert answered <= returned(stem)


@pytest.mark.parametrize("stem", SCRIPTS)
def test_a_refusal_that_a_script_can_answer_has_a_sentence(stem: str) -> None:
    refused = words_in(code(stem)) & {word.decode() for word in REFUSALS}
    assert refused <= returned(stem)


def test_every_refusal_with_a_sentence_is_some_script_s() -> None:
    assert {word.decode() for word in REFUSALS} <= {word for stem in SCRIPTS for word in returned(stem)}


@pytest.mark.parametrize("stem", SCRIPTS)
def test_what_a_script_writes_is_named_by_its_header(stem: str) -> None:
    names = re.escape("|").join(WRITERS).replace(r"\|", "|")
    written = {name.lower() for name in re.findall(rf"call\('(?:{names})', (?:'CREATE', )?([A-Z_]+)", code(stem))}
    writes = header(stem).split("-- Writes ", 1)[1]
    assert written - {"key"} <= set(re.findall(r"\w+", writes))


def test_a_part_that_a_script_names_exists() -> None:
    named = {part for stem in STEMS for part in re.findall(r"^\s*--@ (\w+)$", scripts.source(stem), re.M)}
    assert named == set(STEMS) - set(SCRIPTS) - {"prelude"}

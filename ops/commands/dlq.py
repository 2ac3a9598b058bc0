"""`onsale dlq …`: the records that could not be written, why, and what an operator does about them."""

import sys
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import click

from ops.commands.dlq_report import letter_line, letter_report, results_report
from ops.commands.options import OrderedGroup, dry_run_option, json_option, target_option, yes_option
from ops.console import FAILED, OK, print_json, say, show, table
from ops.operation import confirm, operate, pages

ANY = "ANY"
_HEAD = ("LETTER", "STATE", "REASON", "SALE", "VERSION", "TYPE", "BUYER", "BYTES", "DEAD AT")
_PART = 262_144  # bytes of a value that one answer carries

_letters = click.argument("letters", metavar="[LETTER]...", nargs=-1)
_sale = click.option("--sale", "sale_id", metavar="ID", help="Only those of this sale.")
_reason = click.option("--reason", metavar="REASON", help="Only those that are dead for this reason.")
_force = click.option("--force", is_flag=True, help="Also those that were replayed or discarded before.")


@click.group(cls=OrderedGroup, short_help="Look at dead letters, replay them, discard them.")
def dlq() -> None:
    """The records that could not be written: look at them, replay them, discard them."""


@dlq.command("list", short_help="List dead letters, the open ones unless told otherwise.")
@_sale
@_reason
@click.option(
    "--state",
    type=click.Choice(["OPEN", "REPLAYED", "DISCARDED", ANY]),
    default="OPEN",
    help="Only those in this state (OPEN).",
)
@target_option
@json_option
def list_letters(sale_id: str | None, reason: str | None, state: str, as_json: bool) -> None:
    """List dead letters in the order of their arrival. A letter is named by where its record came from.

    \b
    onsale dlq list
    onsale dlq list --sale spring --state ANY --json | jq -r .[].letterId
    """
    wanted = None if state == ANY else state
    letters = list(pages("dlq.list", "letters", saleId=sale_id, reason=reason, state=wanted))
    if as_json:
        print_json(letters)
    elif letters:
        show(table([letter_line(each) for each in letters], _HEAD))
    else:
        say("no dead letters" if state == ANY else f"no dead letters are {state}")


@dlq.command("show", short_help="Show a dead letter: its record, why it is dead, what was done.")
@click.argument("letter", metavar="LETTER")
@click.option("--raw", type=click.Path(dir_okay=False, allow_dash=True), metavar="FILE", help="Only write the value.")
@target_option
@json_option
def show_letter(letter: str, raw: str | None, as_json: bool) -> None:
    """Show a dead letter: its record, why it is dead, what was done about it.

    The value is shown as text or as a hex dump, cut; --raw writes it whole to a file, or to stdout with "-".

    \b
    onsale dlq show reservation-events-3-1234
    onsale dlq show reservation-events-3-1234 --raw value.bin
    """
    if raw is not None and as_json:
        raise click.UsageError("--raw and --json exclude each other")
    answer = operate("dlq.show", letterId=letter, valueBytes=None if raw is None else _PART)
    if raw == "-":
        _write_value(answer, sys.stdout.buffer)
    elif raw is not None:
        with Path(raw).open("wb") as file:
            written = _write_value(answer, file)
        say(f"wrote {written:,} bytes to {raw}")
    elif as_json:
        print_json(answer)
    else:
        show(letter_report(answer))


@dlq.command(short_help="Send records to their topic again. --all asks first.")
@_letters
@click.option("--all", "every", is_flag=True, help="All open letters. Asks first.")
@_sale
@_reason
@click.option("--why", metavar="TEXT", help="What was repaired, for the record.")
@_force
@target_option
@yes_option
@dry_run_option
@json_option
def replay(
    letters: tuple[str, ...],
    every: bool,
    sale_id: str | None,
    reason: str | None,
    why: str | None,
    force: bool,
    yes: bool,
    dry_run: bool,
    as_json: bool,
) -> int:
    """Send records to their topic again, unchanged; safe at any time, because versions decide what is newer.

    What fails again comes back as a new letter that names this one. Exit 1 when a letter was refused.

    \b
    onsale dlq replay reservation-events-3-1234 reservation-events-0-17
    onsale dlq replay --all --sale spring --reason constraint --why "column widened" --yes
    """
    if every == bool(letters):
        raise click.UsageError("name letters, or say --all")
    if letters and (sale_id or reason):
        raise click.UsageError("--sale and --reason go with --all only")
    if every and force:
        raise click.UsageError("--force goes with letters that are named")
    if not dry_run:
        which = (
            f"all open dead letters{f' of the sale {sale_id}' if sale_id else ''}" if every else "these dead letters"
        )
        confirm(f"Replay {which}?", yes=yes, always=every)
    named = list(dict.fromkeys(letters)) or None
    what = {"letterIds": named, "all": every, "saleId": sale_id, "reason": reason, "why": why, "force": force}
    return _done(list(_replayed(dry_run, what)), as_json)


@dlq.command(short_help="Give up on records, saying why. Asks first.")
@click.argument("letters", metavar="LETTER...", nargs=-1, required=True)
@click.option("--why", metavar="TEXT", required=True, help="Why they will never be written.")
@_force
@target_option
@yes_option
@dry_run_option
@json_option
def discard(letters: tuple[str, ...], why: str, force: bool, yes: bool, dry_run: bool, as_json: bool) -> int:
    """Give up on records: they stay where they are, marked, and the ledger says why they are missing. Asks first.

    \b
    onsale dlq discard reservation-events-3-1234 --why "a test of the producer" --yes
    """
    if not dry_run:
        confirm(f"Discard {len(letters)} dead letter{'s' if len(letters) > 1 else ''} for good?", yes=yes)
    named = list(dict.fromkeys(letters))
    answer = operate("dlq.discard", letterIds=named, why=why, force=force, dryRun=dry_run)
    return _done(answer["letters"], as_json)


def _replayed(dry_run: bool, what: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Replay call by call: one takes a bounded number, and those that come back meanwhile are not taken again."""
    after: int | None = None
    until: int | None = None
    while True:
        answer = operate("dlq.replay", **what, dryRun=dry_run, after=after, until=until)
        yield from answer["letters"]
        after, until = answer["next"], answer["until"]
        if after is None:
            return


def _done(results: list[dict[str, Any]], as_json: bool) -> int:
    if as_json:
        print_json(results)
    elif results:
        show(results_report(results))
    else:
        say("no dead letters are OPEN")
    return FAILED if any(each["refused"] for each in results) else OK


def _write_value(answer: dict[str, Any], into: IO[bytes]) -> int:
    """Write a value part by part; returns the number of its bytes."""
    written = 0
    while part := b64decode(answer["valueBase64"] or ""):
        into.write(part)
        written += len(part)
        if len(part) < _PART:
            break
        answer = operate("dlq.show", letterId=answer["letterId"], valueFrom=written, valueBytes=_PART)
    return written

"""`onsale rehearse`: options over presets, mistakes, exit codes. The rehearsal itself is not run here."""

import base64
import io
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib import config
from chalicelib.errors import BadSetting, InvalidRequest, OnsaleError
from ops.cli import main
from ops.rehearse import run
from ops.rehearse.fault_plan import Fault
from ops.rehearse.generator.tokens import token_of, tokens_of_file
from ops.rehearse.plan import Raise, RehearsalPlan
from ops.rehearse.record import Rehearsal


@pytest.fixture(autouse=True)
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A home that no `up` has made, and the environment as it was."""
    before = dict(os.environ)
    monkeypatch.setenv("ONSALE_HOME", str(tmp_path))
    monkeypatch.delenv("ONSALE_TARGET", raising=False)
    yield
    os.environ.clear()
    os.environ.update(before)
    config.settings.cache_clear()


@pytest.fixture
def carried_out(monkeypatch: pytest.MonkeyPatch) -> list[tuple[RehearsalPlan, str]]:
    """The plans that the command had carried out, with the command that repeats each; all end NO-GO."""
    plans: list[tuple[RehearsalPlan, str]] = []

    def rehearse(plan: RehearsalPlan, command: str = "") -> Rehearsal:
        plans.append((plan, command))
        empty = Rehearsal(name=plan.name, url="", sale_id="r", started_at="", took_seconds=0.0, plan=plan.document())
        return replace(empty, verdict="NO-GO", exit_code=3)

    monkeypatch.setattr(run, "rehearse", rehearse)
    return plans


def test_options_override_their_preset(carried_out: list[tuple[RehearsalPlan, str]]) -> None:
    given = "--preset seats --buyers 2000 --arrive 1m --fault relay-kill@5s --raise-max-active 0.2:300 --no-seats"

    assert main(["rehearse", *given.split()]) == 3

    ((plan, command),) = carried_out
    assert (plan.name, plan.buyers, plan.stock, plan.arrive_s, plan.seated) == ("seats", 2000, 100, 60, False)
    assert plan.faults == (Fault.parse("relay-kill@5s"),)
    assert plan.raise_max_active == Raise(0.2, 300)
    assert sorted(command.split()[2:]) == sorted(given.replace("1m", "60s").split())


def test_what_is_not_given_is_the_plans_own(carried_out: list[tuple[RehearsalPlan, str]]) -> None:
    main(["rehearse"])

    assert carried_out == [(RehearsalPlan(), "onsale rehearse")]


def test_the_answer_may_be_one_document(
    carried_out: list[tuple[RehearsalPlan, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rehearse", "--json"]) == 3

    assert json.loads(capsys.readouterr().out)["verdict"] == "NO-GO"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ("--buyers 0", "--buyers: must be 1 to"),
        ("--arrive soon", "--arrive"),
        ("--fault kafka-stop@1s", "kafka-stop@1s does not say for how long"),
        ("--raise-max-active 200", "must be SHARE:N"),
        ("--poll never", "--poll"),
        ("--preset opera", "--preset"),
        ("--url https://tickets.example --fault relay-kill@1s --yes", "--fault: only on a local stack"),
        ("--target stack:test", "--target: needs the --url"),
        ("--thresholds nowhere.toml", "--thresholds"),
    ],
)
def test_a_mistake_is_named_before_anything_starts(
    given: str, told: str, carried_out: list[tuple[RehearsalPlan, str]], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rehearse", *given.split()]) == 2

    assert told in capsys.readouterr().err
    assert carried_out == []


def test_another_machine_needs_a_yes(
    carried_out: list[tuple[RehearsalPlan, str]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO())
    assert main(["rehearse", "--url", "https://tickets.example"]) == 2
    assert "Send 1,000 buyers to tickets.example" in capsys.readouterr().err
    assert carried_out == []

    assert main(["rehearse", "--url", "https://tickets.example", "--yes"]) == 3

    assert carried_out[0][1] == "onsale rehearse --url https://tickets.example"


def test_the_command_imports_nothing_that_patches_the_standard_library() -> None:
    assert not {"gevent", "locust", "geventhttpclient"} & sys.modules.keys()


def _token(subject: object) -> str:
    claims = base64.urlsafe_b64encode(json.dumps({"sub": subject}).encode()).decode().rstrip("=")
    return f"e30.{claims}.c2ln"


def test_given_tokens_say_who_the_buyers_are(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"{_token('ann')}\n{_token('bob')}\n{_token('cy')}\n")

    assert tokens_of_file(file, 2) == [("ann", _token("ann")), ("bob", _token("bob"))]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "has 0 tokens for 2 buyers"),
        (f"{_token('ann')}\nsecret", "token 2 is no JSON Web Token"),
        (f"{_token('ann')} {_token('ann')}", "several tokens for one subject"),
    ],
)
def test_tokens_that_cannot_do_are_refused_and_never_shown(content: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(content)

    with pytest.raises(InvalidRequest, match=f"--tokens: .*{told}") as raised:
        tokens_of_file(file, 2)

    assert "secret" not in str(raised.value)


def test_a_stack_that_believes_the_user_id_needs_no_tokens() -> None:
    assert token_of({}) is None


def test_tokens_are_minted_with_the_secret_of_the_stack() -> None:
    import jwt

    secret = "a-shared-secret-of-more-than-32-bytes"  # noqa: S105
    minted = token_of({"IDENTITY": "jwt", "JWT_SECRET": secret, "JWT_AUDIENCE": "onsale", "JWT_ISSUER": "me"})

    assert minted is not None
    claims = jwt.decode(minted("ann"), secret, algorithms=["HS256"], audience="onsale", issuer="me")
    assert claims["sub"] == "ann"


def test_where_an_issuer_elsewhere_signs_it_is_named() -> None:
    with pytest.raises(OnsaleError, match=r"only the issuer https://issuer\.example can sign"):
        token_of(
            {
                "IDENTITY": "jwt",
                "JWT_JWKS_URL": "https://issuer.example/keys",
                "JWT_AUDIENCE": "onsale",
                "JWT_ISSUER": "https://issuer.example",
            }
        )
    with pytest.raises(BadSetting):
        token_of({"IDENTITY": "jwt"})

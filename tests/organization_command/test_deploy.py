# SPDX-License-Identifier: Apache-2.0
"""``cordon organization preflight`` and ``deploy``: what the CDK is asked, in which order, and how it is told."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from botocore.exceptions import NoCredentialsError

from hub.cli.invocation.stack_options import BROKEN_OFF, asking
from hub.deployment.model import Detection, Guard
from hub.organization import cdk
from hub.organization import preflight as preflight_module
from hub.organization.cdk import Tools
from hub.organization.check import Answer, CheckOutcome
from hub.organization.parts import parts_of, stacks_of
from hub.stacks.app import build, new_app
from tests.cli.running import cordon, document_of
from tests.deployment import made
from tests.organization_command.answering import HUB, MANAGEMENT, Answering
from tests.organization_command.conftest import FakeCdk

FINE = Answer("fine", CheckOutcome.OK, "all is well")
PROBLEM = Answer("bad", CheckOutcome.PROBLEM, "something is wrong", "mend it")
WARNING = Answer("meagre", CheckOutcome.WARNING, "something is missing", "add it")
UNREAD = Answer("dark", CheckOutcome.NOT_CHECKED, "AWS did not say: AccessDenied", "allow it")


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch, aws: Answering) -> Answering:
    """Credentials of the hub, and nothing to ask AWS: the checks themselves are tested by themselves."""
    found(monkeypatch, FINE)
    aws.is_of(HUB)
    return aws


def found(monkeypatch: pytest.MonkeyPatch, *answers: Answer) -> None:
    monkeypatch.setattr(preflight_module, "_ask", lambda *_: list(answers))


def deploy(config: Path, *arguments: str) -> Any:
    return cordon("organization", "deploy", "--config", config, *arguments)


def guarded(config: Path) -> Path:
    settings = config / "deployment.yaml"
    text = settings.read_text().replace("targets: []", "targets: [r-abcd]")
    for key in ("break_glass", "deployers"):
        text = text.replace(f"{key}: []", f'{key}: ["arn:*:iam::*:role/{key}"]')
    settings.write_text(text)
    return config


@pytest.mark.usefixtures("ready")
def test_everything_of_the_hub_account_is_deployed_with_one_command(config: Path, fake_cdk: FakeCdk) -> None:
    result = deploy(config, "--yes")

    (asked,) = fake_cdk.asked
    assert asked == {
        "arguments": [
            "deploy",
            "Hub",
            "Forwarder-us-east-1",
            "Members",
            "--exclusively",
            "--require-approval",
            "never",
            "--app",
            f"{sys.executable} -m hub.stacks.app",
            "--no-notices",
        ],
        "config": str(config.resolve()),
        "folder": str(fake_cdk.root),
        "first": str(Path(sys.executable).parent),
        "telemetry": "true",
    }
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"Deployed in account {HUB}: cordon-hub, cordon-forwarder-us-east-1, cordon-members.",
        "Next: cordon policy publish",
    ]


@pytest.mark.usefixtures("ready")
def test_one_part(config: Path, fake_cdk: FakeCdk) -> None:
    result = deploy(config, "--yes", "--stack", "members")

    assert fake_cdk.asked[0]["arguments"][:3] == ["deploy", "Members", "--exclusively"]
    assert result.stdout == f"Deployed in account {HUB}: cordon-members.\n"


@pytest.mark.usefixtures("ready")
def test_the_guard_comes_next_with_other_credentials(config: Path, fake_cdk: FakeCdk) -> None:
    result = deploy(guarded(config), "--yes")

    assert "Guard" not in fake_cdk.asked[0]["arguments"]
    assert result.stdout.splitlines()[-1] == (
        f"Next: cordon organization deploy --stack guard   # with credentials of {MANAGEMENT}"
    )


def test_the_guard_is_deployed_in_the_management_account(
    config: Path, fake_cdk: FakeCdk, aws: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(monkeypatch)
    aws.is_of(MANAGEMENT)
    result = deploy(guarded(config), "--yes", "--stack", "guard")

    assert fake_cdk.asked[0]["arguments"][1] == "Guard"
    assert result.stdout == f"Deployed in account {MANAGEMENT}: cordon-guard.\n"


def test_wrong_account_deploys_nothing(config: Path, fake_cdk: FakeCdk, aws: Answering) -> None:
    aws.is_of("444455556666")
    result = deploy(config, "--yes")

    assert (result.exit_code, fake_cdk.asked, result.stdout) == (1, [], "")
    told = " ".join(result.stderr.split())
    assert f"these credentials are of account 444455556666, the hub account is {HUB}" in told
    assert told.endswith("correct what is called a problem above, then give the same command again.")


def test_no_credentials(config: Path, fake_cdk: FakeCdk, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(**_: object) -> None:
        raise NoCredentialsError

    monkeypatch.setattr("boto3.session.Session", none)
    document = document_of(cordon("organization", "preflight", "--config", config, "--json"))

    assert fake_cdk.asked == []
    assert document["ready"] is False
    assert document["checks"][-1]["sentence"] == (
        "there are no AWS credentials that work (Unable to locate credentials): set AWS_PROFILE, or log in"
    )


@pytest.mark.usefixtures("fake_cdk")
@pytest.mark.parametrize(
    ("answers", "code", "ready"),
    [((FINE,), 0, True), ((FINE, WARNING, UNREAD), 0, True), ((PROBLEM, FINE), 1, False)],
    ids=["fine", "warned", "blocked"],
)
def test_preflight_tells_every_check(
    config: Path,
    aws: Answering,
    monkeypatch: pytest.MonkeyPatch,
    answers: tuple[Answer, ...],
    code: int,
    *,
    ready: bool,
) -> None:
    found(monkeypatch, *answers)
    aws.is_of(HUB)
    aws.is_of(HUB)
    told = cordon("organization", "preflight", "--config", config)
    document = document_of(cordon("organization", "preflight", "--config", config, "--json"))

    assert told.exit_code == code
    assert (document["schema"], document["ready"]) == (1, ready)
    assert document["checks"][-len(answers) :] == [each.to_json() for each in answers]
    for each in answers:
        assert each.sentence in told.stdout
        assert not each.remedy or f"--> {each.remedy}" in told.stdout
    assert [each["check"] for each in document["checks"][:3]] == ["node", "cdk", "account"]


def test_a_problem_deploys_nothing(
    config: Path, fake_cdk: FakeCdk, aws: Answering, monkeypatch: pytest.MonkeyPatch
) -> None:
    found(monkeypatch, PROBLEM)
    aws.is_of(HUB)
    document = document_of(deploy(config, "--yes", "--json"))

    assert fake_cdk.asked == []
    assert (document["exit_code"], document["stacks"], document["next"]) == (None, [], [])
    assert document["message"].startswith("Nothing was deployed")
    assert document["checks"][-1]["outcome"] == "problem"


@pytest.mark.usefixtures("ready")
def test_the_exit_code_of_the_cdk_is_passed_on(config: Path, fake_cdk: FakeCdk) -> None:
    fake_cdk.fail_at("Members")
    result = deploy(config, "--yes", "--stack", "members")

    assert result.exit_code == 3
    assert result.stdout == (
        "The CDK ended with exit code 3; its output says why. Correct that and give the same command again: "
        "deployed stacks stay as they are. Not known to be deployed: cordon-members.\n"
    )


@pytest.mark.usefixtures("ready", "fake_cdk")
def test_the_document_of_a_deployment(config: Path) -> None:
    document = document_of(deploy(config, "--yes", "--json", "--stack", "hub"))

    assert {key: document[key] for key in ("schema", "stacks", "exit_code", "message", "next")} == {
        "schema": 1,
        "stacks": ["cordon-hub"],
        "exit_code": 0,
        "message": f"Deployed in account {HUB}: cordon-hub.",
        "next": ["cordon policy publish"],
    }


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "no one can answer a question here: give --yes"),
        (("--json",), "no one can answer a question here: give --yes"),
        (("--yes", "--stack", "guard"), "the settings have no guard: guard.targets is empty"),
        (("--yes", "--stack", "detection"), "the settings have no detection: nothing is true under detection"),
    ],
)
def test_bad_usage(config: Path, fake_cdk: FakeCdk, arguments: tuple[str, ...], said: str) -> None:
    result = deploy(config, *arguments)

    assert (result.exit_code, fake_cdk.asked) == (2, [])
    assert said in result.output


@pytest.mark.parametrize(("stdin", "stdout", "code"), [(True, True, None), (True, False, 2), (False, True, 2)])
def test_the_cdk_asks_where_both_ends_are_a_person(
    monkeypatch: pytest.MonkeyPatch, *, stdin: bool, stdout: bool, code: int | None
) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: stdin))
    monkeypatch.setattr("sys.stdout", SimpleNamespace(isatty=lambda: stdout))
    refused = None
    try:
        asking(yes=False, as_json=False, on_stdout=True)
    except click.UsageError as error:
        refused = error.exit_code
    assert refused == code


def test_bootstrap_knows_account_and_region(config: Path, fake_cdk: FakeCdk, aws: Answering) -> None:
    aws.is_of(HUB)
    aws.is_of(MANAGEMENT)
    done = cordon("organization", "bootstrap", "--config", config)
    refused = cordon("organization", "bootstrap", "--config", config)

    (asked,) = fake_cdk.asked
    assert (done.exit_code, asked["arguments"][:2]) == (0, ["bootstrap", f"aws://{HUB}/eu-west-1"])
    assert asked["first"] == str(Path(sys.executable).parent)
    assert (refused.exit_code, "the hub account is" in refused.stderr) == (1, True)


def test_remedies_are_never_folded(config: Path, aws: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    long = Answer("long", CheckOutcome.PROBLEM, "word " * 40 + "end", "aws command " + "--option value " * 20 + "end")
    found(monkeypatch, long)
    aws.is_of(HUB)
    lines = cordon("organization", "preflight", "--config", config).stdout.splitlines()
    assert lines[-2:] == [f"  problem  long     {long.sentence}", f"{' ' * 20}--> {long.remedy}"]


_SLOW_CDK = """#!{python}
import os, pathlib, signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
os.kill(os.getppid(), signal.SIGINT)
time.sleep(1)
(pathlib.Path(__file__).parents[2] / "ended").touch()
"""


@pytest.mark.usefixtures("ready")
def test_breaking_off_waits_for_the_cdk(config: Path, fake_cdk: FakeCdk) -> None:
    Tools(fake_cdk.root).cdk.write_text(_SLOW_CDK.format(python=sys.executable))
    result = deploy(config, "--yes")

    assert (fake_cdk.root / "ended").exists()
    assert result.exit_code == 130
    assert result.stderr.rstrip().endswith(BROKEN_OFF)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["deploy", "Nonsense", "--require-approval", "never"], 1), (["destroy", "Nonsense", "--force"], 0)],
    ids=["deploy", "destroy"],
)
def test_the_real_cdk_and_a_stack_that_it_does_not_know(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int
) -> None:
    """Deploying fails, as Cordon relies on; destroying ends well, which is why Cordon asks CloudFormation instead."""
    monkeypatch.setattr(cdk, "APP", "tests.organization_command.one_stack")
    assert cdk.run(cdk.project(), [*arguments, "--output", str(tmp_path / "out")], config) == code


def test_guard_and_hub_are_never_deployed_together(config: Path, fake_cdk: FakeCdk) -> None:
    result = deploy(guarded(config), "--yes", "--stack", "guard", "--stack", "hub")

    assert (result.exit_code, fake_cdk.asked) == (2, [])
    assert "the guard is in the management account, the rest in the hub account" in result.stderr


def test_settings_that_are_wrong_are_located(config: Path, fake_cdk: FakeCdk) -> None:
    settings = config / "deployment.yaml"
    settings.write_text(settings.read_text().replace("qualifier: cordon", "qualifer: cordon"))
    told = deploy(config, "--yes")
    document = json.loads(deploy(config, "--yes", "--json").stdout)

    assert (told.exit_code, fake_cdk.asked) == (2, [])
    assert "deployment.yaml:7:1: qualifer" in told.stderr
    assert any(error["file"].endswith("deployment.yaml") for error in document["errors"])


def test_the_cdk_knows_the_stacks_by_these_names(tmp_path: Path) -> None:
    everything = made.settings(
        detection=Detection(guardduty=True), guard=Guard(targets=("r-abcd",), break_glass=("arn:*:iam::*:role/glass",))
    )
    code = tmp_path / "code"
    code.mkdir()
    stacks = build(new_app(tmp_path / "out"), everything, code).each()

    assert {(stack.node.path, stack.stack_name, stack.region) for stack in stacks} == {
        (each.construct, each.name, each.region) for each in stacks_of(everything, parts_of(everything))
    }

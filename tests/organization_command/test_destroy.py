# SPDX-License-Identifier: Apache-2.0
"""``cordon organization destroy``: its order, what it refuses, what it never touches."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from functions.incident.items import to_item
from tests.cli.running import cordon, document_of
from tests.organization_command.answering import HUB, MANAGEMENT, Answering
from tests.organization_command.conftest import FakeCdk


def head(incident: str, state: str) -> dict[str, Any]:
    target = {"partition": "aws", "account": "444455556666", "region": "eu-west-1", "instance": "i-0a1b2c3d4e5f60718"}
    return to_item(
        {
            "pk": f"incident#{incident}",
            "sk": "head",
            "state": state,
            "target": target,
            "mode": "enforce",
            "rule": "tor",
            "reason": "",
            "opened_at": "2026-03-02T10:28:00.000+00:00",
        }
    )


def recorded(aws: Answering, states: Mapping[str, str]) -> None:
    aws.says("dynamodb", "scan", {"Items": [head(incident, state) for incident, state in states.items()]})


def switched_off(aws: Answering) -> None:
    aws.says("dynamodb", "update_item", {"Attributes": {"switched_off": {"SS": ["organization"]}}})


def destroy(config: Path, *arguments: str) -> Any:
    return cordon("organization", "destroy", "--config", config, *arguments)


def unprotected(aws: Answering, *stacks: str, region: str = "eu-west-1") -> None:
    for stack in stacks:
        asked = {"StackName": stack, "EnableTerminationProtection": False}
        aws.says("cloudformation", "update_termination_protection", {}, asked, region=region)


def all_unprotected(aws: Answering) -> None:
    unprotected(aws, "cordon-members", "cordon-hub")
    unprotected(aws, "cordon-forwarder-us-east-1", region="us-east-1")


QUIET = {"inc-1": "released", "inc-2": "observed", "inc-3": "closed"}


def test_members_go_first_and_the_hub_last(config: Path, fake_cdk: FakeCdk, aws: Answering) -> None:
    aws.is_of(HUB)
    recorded(aws, QUIET)
    switched_off(aws)
    recorded(aws, QUIET)
    all_unprotected(aws)
    result = destroy(config, "--yes")

    assert [each["arguments"][:4] for each in fake_cdk.asked] == [
        ["destroy", stack, "--exclusively", "--force"] for stack in ("Members", "Forwarder-us-east-1", "Hub")
    ]
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        "Destroyed: members, forwarders, hub.",
        "Left on purpose: table cordon-records",
        f"Left on purpose: bucket cordon-evidence-{HUB}-eu-west-1",
        f"Left on purpose: bucket cordon-policy-{HUB}-eu-west-1",
        "Left on purpose: log group /cordon/intake",
        "Left on purpose: log group /cordon/release",
        "Left on purpose: log group /cordon/watch",
        "docs/rollout.md says under What stays how to take them in again, or to remove them.",
    ]


@pytest.mark.parametrize("state", ["awaiting-approval", "containing", "contained", "partial", "failed", "releasing"])
def test_an_open_incident_keeps_the_deployment(config: Path, fake_cdk: FakeCdk, aws: Answering, state: str) -> None:
    aws.is_of(HUB)
    recorded(aws, {**QUIET, "inc-9": state})
    result = destroy(config, "--yes")

    assert (result.exit_code, fake_cdk.asked, result.stdout) == (1, [], "")
    assert result.stderr == (
        f"Error: 1 incident is open: inc-9 ({state}, i-0a1b2c3d4e5f60718). Without this deployment their hosts can be "
        "released by hand alone: release them first (cordon release), or give --despite-open-incidents.\n"
    )


def test_many_open_incidents_are_counted(config: Path, aws: Answering) -> None:
    aws.is_of(HUB)
    recorded(aws, {f"inc-{number}": "contained" for number in range(8)})
    told = destroy(config, "--yes").stderr

    assert "8 incidents are open: " in told
    assert "inc-4 (contained, i-0a1b2c3d4e5f60718) and 3 more." in told


def test_an_incident_that_began_meanwhile_keeps_it_too(config: Path, fake_cdk: FakeCdk, aws: Answering) -> None:
    aws.is_of(HUB)
    recorded(aws, QUIET)
    switched_off(aws)
    recorded(aws, {"inc-4": "containing"})
    result = destroy(config, "--yes")

    assert (result.exit_code, fake_cdk.asked) == (1, [])
    assert "inc-4 (containing" in result.stderr


def test_despite_open_incidents(config: Path, fake_cdk: FakeCdk, aws: Answering) -> None:
    aws.is_of(HUB)
    switched_off(aws)
    all_unprotected(aws)
    result = destroy(config, "--yes", "--despite-open-incidents")

    assert (result.exit_code, len(fake_cdk.asked)) == (0, 3)


def test_a_deployment_that_never_got_a_table_can_go(config: Path, fake_cdk: FakeCdk, aws: Answering) -> None:
    aws.is_of(HUB)
    aws.refuses("dynamodb", "scan", "ResourceNotFoundException")
    aws.refuses("dynamodb", "update_item", "ResourceNotFoundException")
    for region in ("eu-west-1", "eu-west-1", "us-east-1"):
        aws.refuses(
            "cloudformation",
            "update_termination_protection",
            "ValidationError",
            "Stack [any] does not exist",
            region=region,
        )
    assert destroy(config, "--yes").exit_code == 0
    assert len(fake_cdk.asked) == 3


def test_it_stops_where_the_cdk_fails(config: Path, fake_cdk: FakeCdk, aws: Answering) -> None:
    aws.is_of(HUB)
    switched_off(aws)
    unprotected(aws, "cordon-members")
    fake_cdk.fail_at("Members")
    document = document_of(destroy(config, "--yes", "--json", "--despite-open-incidents"))

    assert len(fake_cdk.asked) == 1
    assert document == {
        "schema": 1,
        "parts": ["members", "forwarders", "hub"],
        "exit_code": 3,
        "message": "The CDK ended with exit code 3 at members; what it printed says why. Put that right and give the "
        "same command again. The organisation stays switched off.",
        "left": [],
    }


def test_forwarders_alone_end_no_work(config: Path, fake_cdk: FakeCdk, aws: Answering) -> None:
    aws.is_of(HUB)
    unprotected(aws, "cordon-forwarder-us-east-1", region="us-east-1")
    result = destroy(config, "--yes", "--stack", "forwarders")

    assert [each["arguments"][1] for each in fake_cdk.asked] == ["Forwarder-us-east-1"]
    assert result.stdout == "Destroyed: forwarders.\n"


def test_the_guard_goes_with_the_management_account(config: Path, fake_cdk: FakeCdk, aws: Answering) -> None:
    aws.is_of(HUB)
    aws.is_of(MANAGEMENT)
    unprotected(aws, "cordon-guard")
    refused = destroy(config, "--yes", "--stack", "guard")
    result = destroy(config, "--yes", "--stack", "guard")

    assert refused.exit_code == 1
    assert f"(the hub), the management account is {MANAGEMENT}" in refused.stderr
    assert result.stdout == "Destroyed: guard.\n"
    assert [each["arguments"][1] for each in fake_cdk.asked] == ["Guard"]


def test_nobody_to_ask(config: Path, fake_cdk: FakeCdk) -> None:
    result = destroy(config)

    assert (result.exit_code, fake_cdk.asked) == (2, [])
    assert "there is nobody to ask here: give --yes" in result.stderr


@pytest.mark.parametrize(("typed", "code"), [("cordon", 0), ("yes", 1)])
def test_the_qualifier_is_typed(
    config: Path, fake_cdk: FakeCdk, aws: Answering, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    monkeypatch.setattr("hub.cli.organization._somebody", lambda **_: None)
    aws.is_of(HUB)
    recorded(aws, {})
    if code == 0:
        switched_off(aws)
        recorded(aws, {})
        all_unprotected(aws)
    result = cordon("organization", "destroy", "--config", config, stdin=f"{typed}\n")

    assert result.exit_code == code
    assert bool(fake_cdk.asked) is (code == 0)
    assert "This deletes members, forwarders, hub. Type the qualifier (cordon) to go on" in result.stderr


def test_a_stack_that_stays_protected_is_told(config: Path, fake_cdk: FakeCdk, aws: Answering) -> None:
    aws.is_of(HUB)
    switched_off(aws)
    aws.refuses("cloudformation", "update_termination_protection", "AccessDenied", "explicit deny in a policy")
    result = destroy(config, "--yes", "--despite-open-incidents")

    assert (result.exit_code, fake_cdk.asked) == (1, [])
    assert result.stderr == (
        "Error: cordon-members is protected from deletion: UpdateTerminationProtection: AccessDenied: explicit deny in "
        "a policy\n"
    )

# SPDX-License-Identifier: Apache-2.0
"""``cordon organization destroy``: its order, what it refuses, what it never touches, how it leaves the switch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from functions import names
from functions.incident.items import to_item
from hub.organization import deletion
from tests.cli.running import cordon, document_of
from tests.organization_command.answering import HOME, HUB, MANAGEMENT, Answering

FORWARDER, THERE = "cordon-forwarder-us-east-1", "us-east-1"
ABSENT = ("cloudformation", "describe_stacks", "ValidationError", "Stack with id any does not exist")
STAYS_OFF = (
    "The organisation stays switched off in table cordon-records. To switch it on again: cordon switch on organization."
)


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deletion, "_PAUSE_SECONDS", 0)


def head(incident: str, state: str, schema: int = 1) -> dict[str, Any]:
    target = {"partition": "aws", "account": "444455556666", "region": HOME, "instance": "i-0a1b2c3d4e5f60718"}
    return to_item(
        {
            "pk": f"incident#{incident}",
            "sk": "head",
            "schema": schema,
            "state": state,
            "target": target,
            "mode": "enforce",
            "rule": "tor",
            "reason": "",
            "opened_at": "2026-03-02T10:28:00.000+00:00",
        }
    )


def recorded(aws: Answering, states: Mapping[str, str], *, touched: Iterable[str] = ()) -> None:
    baselines = [to_item({"pk": f"incident#{each}", "sk": "baseline#isolate"}) for each in touched]
    heads = [head(incident, state) for incident, state in states.items()]
    aws.says("dynamodb", "scan", {"Items": [*baselines, *heads]})


def switched(aws: Answering, to: str) -> None:
    scopes = {"Attributes": {"switched_off": {"SS": ["organization"]}}} if to == "off" else {}
    update = "ADD switched_off :scopes" if to == "off" else "DELETE switched_off :scopes"
    condition = "NOT contains(switched_off, :scope)" if to == "off" else "contains(switched_off, :scope)"
    asked = {
        "TableName": "cordon-records",
        "Key": to_item({"pk": "control", "sk": "control"}),
        "UpdateExpression": update,
        "ConditionExpression": condition,
        "ExpressionAttributeValues": {":scope": {"S": "organization"}, ":scopes": {"SS": ["organization"]}},
        "ReturnValues": "ALL_NEW",
        "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
    }
    aws.says("dynamodb", "update_item", scopes, asked)


def enabled(aws: Answering, *more: str) -> None:
    """Queue which Regions there are, and that none but those of the settings has a forwarder."""
    aws.says("ec2", "describe_regions", {"Regions": [{"RegionName": each} for each in (HOME, THERE, *more)]})
    aws.refuses(*ABSENT)


def stack(aws: Answering, name: str, status: str, region: str = HOME, **more: str) -> None:
    found = {"StackName": name, "StackStatus": status, "CreationTime": "2026-03-01T00:00:00Z", **more}
    aws.says("cloudformation", "describe_stacks", {"Stacks": [found]}, {"StackName": name}, region=region)


def unprotected(aws: Answering, name: str, region: str = HOME) -> None:
    stack(aws, name, "UPDATE_COMPLETE", region)
    asked = {"StackName": name, "EnableTerminationProtection": False}
    aws.says("cloudformation", "update_termination_protection", {}, asked, region=region)


def begins(aws: Answering, name: str, region: str = HOME) -> None:
    unprotected(aws, name, region)
    aws.says("cloudformation", "delete_stack", {}, {"StackName": name}, region=region)


def goes(aws: Answering, name: str, region: str = HOME) -> None:
    begins(aws, name, region)
    stack(aws, name, "DELETE_IN_PROGRESS", region)
    aws.refuses(*ABSENT, region=region)


def everything_goes(aws: Answering) -> None:
    goes(aws, "cordon-members")
    goes(aws, FORWARDER, THERE)
    goes(aws, "cordon-hub")
    remaining(aws)


def remaining(aws: Answering) -> None:
    aws.says("dynamodb", "describe_table", {"Table": {}})
    aws.refuses("s3", "head_bucket", "404")
    aws.says("s3", "head_bucket", {}, {"Bucket": names.evidence_bucket("cordon", HUB, HOME)})
    aws.says("sqs", "get_queue_url", {"QueueUrl": "https://sqs.example.com/cordon-intake-dead-letters"})
    aws.says("logs", "describe_log_groups", {"logGroups": [{"logGroupName": "/cordon/intake"}]})


def destroy(config: Path, *arguments: str) -> Any:
    return cordon("organization", "destroy", "--config", config, *arguments)


QUIET = {"inc-1": "released", "inc-2": "observed", "inc-3": "closed"}


def test_members_go_first_and_the_hub_last(config: Path, aws: Answering) -> None:
    aws.is_of(HUB)
    enabled(aws)
    recorded(aws, QUIET, touched=["inc-1", "inc-3"])
    switched(aws, "off")
    recorded(aws, QUIET, touched=["inc-1", "inc-3"])
    everything_goes(aws)
    result = destroy(config, "--yes")

    assert result.stderr.splitlines() == [
        f"Deleting cordon-members in {HOME} ...",
        f"Deleting {FORWARDER} in {THERE} ...",
        f"Deleting cordon-hub in {HOME} ...",
    ]
    assert result.exit_code == 0
    assert result.stdout.splitlines() == [
        f"Destroyed: cordon-members, {FORWARDER}, cordon-hub.",
        STAYS_OFF,
        "Left on purpose: table cordon-records",
        f"Left on purpose: bucket cordon-evidence-{HUB}-eu-west-1",
        "Left on purpose: queue cordon-intake-dead-letters",
        "Left on purpose: log group /cordon/intake",
        "docs/rollout.md explains under What stays how to import them again, or to remove them.",
    ]


@pytest.mark.parametrize("state", ["awaiting-approval", "containing", "contained", "partial", "failed", "releasing"])
def test_what_can_be_released_keeps_the_deployment(config: Path, aws: Answering, state: str) -> None:
    aws.is_of(HUB)
    enabled(aws)
    recorded(aws, {**QUIET, "inc-9": state}, touched=["inc-1", "inc-9"])
    result = destroy(config, "--yes")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"Error: 1 incident has something to put back: inc-9 ({state}, i-0a1b2c3d4e5f60718). Without this deployment "
        "their hosts can be released only by hand: release them first (cordon release), or give "
        "--despite-open-incidents.\n"
    )


@pytest.mark.parametrize("despite", [False, True])
def test_an_incident_of_a_newer_version_keeps_the_deployment(config: Path, aws: Answering, despite: bool) -> None:
    aws.is_of(HUB)
    enabled(aws)
    if despite:
        switched(aws, "off")
        everything_goes(aws)
        assert destroy(config, "--yes", "--despite-open-incidents").exit_code == 0
        return
    aws.says("dynamodb", "scan", {"Items": [head("inc-9", "contained", schema=2), head("inc-1", "observed")]})
    result = destroy(config, "--yes")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        "Error: the head of inc-9 was written by a newer version of Cordon (schema 2, this one reads 1): deploy that "
        "version again. What that incident changed is not known: release it first with the version that recorded it, "
        "or give --despite-open-incidents.\n"
    )


def test_many_are_counted(config: Path, aws: Answering) -> None:
    aws.is_of(HUB)
    enabled(aws)
    many = [f"inc-{number}" for number in range(8)]
    recorded(aws, dict.fromkeys(many, "contained"), touched=many)
    told = destroy(config, "--yes").stderr

    assert "8 incidents have something to put back: " in told
    assert "inc-4 (contained, i-0a1b2c3d4e5f60718) and 3 more." in told


def test_what_waits_for_approval_keeps_nobody(config: Path, aws: Answering) -> None:
    aws.is_of(HUB)
    enabled(aws)
    open_ = {"inc-5": "awaiting-approval", "inc-6": "failed", "inc-7": "of-the-future"}
    recorded(aws, {**QUIET, **open_})
    switched(aws, "off")
    recorded(aws, {**QUIET, **open_})
    everything_goes(aws)
    result = destroy(config, "--yes", "--json")

    assert document_of(result)["unanswered"] == ["inc-5", "inc-6", "inc-7"]
    assert result.stderr.splitlines()[0] == (
        "warning: these incidents are open and have nothing to put back; they get no answer: inc-5 (awaiting-approval, "
        "i-0a1b2c3d4e5f60718), inc-6 (failed, i-0a1b2c3d4e5f60718), inc-7 (of-the-future, i-0a1b2c3d4e5f60718)"
    )


def test_an_incident_that_began_meanwhile_keeps_it_and_the_switch_goes_back(config: Path, aws: Answering) -> None:
    aws.is_of(HUB)
    enabled(aws)
    recorded(aws, QUIET)
    switched(aws, "off")
    recorded(aws, {"inc-4": "containing"}, touched=["inc-4"])
    switched(aws, "on")
    result = destroy(config, "--yes")

    assert result.exit_code == 1
    assert "inc-4 (containing" in result.stderr
    assert "switched off" not in result.stderr


def test_a_switch_that_does_not_go_back_is_told(config: Path, aws: Answering) -> None:
    aws.is_of(HUB)
    enabled(aws)
    recorded(aws, QUIET)
    switched(aws, "off")
    recorded(aws, {"inc-4": "containing"}, touched=["inc-4"])
    aws.refuses("dynamodb", "update_item", "AccessDeniedException")
    assert destroy(config, "--yes").stderr.rstrip().endswith(f"--despite-open-incidents. {STAYS_OFF}")


def test_what_somebody_else_switched_off_stays_off(config: Path, aws: Answering) -> None:
    aws.is_of(HUB)
    aws.refuses("dynamodb", "update_item", "ConditionalCheckFailedException")
    stack(aws, "cordon-members", "UPDATE_COMPLETE")
    aws.refuses("cloudformation", "update_termination_protection", "AccessDenied", "explicit deny in a policy")
    result = destroy(config, "--yes", "--despite-open-incidents", "--stack", "members")

    assert result.stderr == (
        "Error: cordon-members is protected from deletion: UpdateTerminationProtection: AccessDenied: explicit deny in "
        f"a policy. {STAYS_OFF}\n"
    )


def test_a_stack_that_stays_protected_is_told(config: Path, aws: Answering) -> None:
    aws.is_of(HUB)
    enabled(aws)
    switched(aws, "off")
    goes(aws, "cordon-members")
    stack(aws, FORWARDER, "UPDATE_COMPLETE", THERE)
    aws.refuses("cloudformation", "update_termination_protection", "AccessDenied", "explicit deny", region=THERE)
    result = destroy(config, "--yes", "--despite-open-incidents")

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.splitlines()[-1] == (
        f"Error: {FORWARDER} is protected from deletion: UpdateTerminationProtection: AccessDenied: explicit deny. "
        f"Destroyed so far: cordon-members. {STAYS_OFF}"
    )


def test_breaking_off_says_how_things_stand(config: Path, aws: Answering, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(deletion, "_pause", interrupted)
    aws.is_of(HUB)
    switched(aws, "off")
    begins(aws, "cordon-members")
    stack(aws, "cordon-members", "DELETE_IN_PROGRESS")
    result = destroy(config, "--yes", "--despite-open-incidents", "--stack", "members")

    assert result.exit_code == 130
    assert result.stderr.splitlines()[1] == (
        "Interrupted. CloudFormation may still be working: cordon organization preflight shows whether it is. "
        + STAYS_OFF
    )


def test_members_alone_leave_the_switch_off_and_say_so(config: Path, aws: Answering) -> None:
    aws.is_of(HUB)
    switched(aws, "off")
    goes(aws, "cordon-members")
    result = destroy(config, "--yes", "--despite-open-incidents", "--stack", "members")

    assert (result.exit_code, result.stdout) == (0, f"Destroyed: cordon-members.\n{STAYS_OFF}\n")


def test_a_deployment_that_is_not_there_is_not_destroyed(config: Path, aws: Answering) -> None:
    aws.is_of(HUB)
    enabled(aws)
    aws.refuses("dynamodb", "scan", "ResourceNotFoundException")
    aws.refuses("dynamodb", "update_item", "ResourceNotFoundException")
    aws.refuses("dynamodb", "scan", "ResourceNotFoundException")
    for region in (HOME, THERE, HOME):
        aws.refuses(*ABSENT, region=region)
    remaining(aws)
    result = destroy(config, "--yes", "--json")

    assert result.exit_code == 0
    document = document_of(result)
    assert (document["destroyed"], document["absent"]) == ([], ["cordon-members", FORWARDER, "cordon-hub"])
    assert document["message"] == f"Nothing was destroyed. Not there: cordon-members, {FORWARDER}, cordon-hub."


def test_it_stops_where_cloudformation_fails(config: Path, aws: Answering) -> None:
    aws.is_of(HUB)
    enabled(aws)
    switched(aws, "off")
    begins(aws, "cordon-members")
    why = "The following resource(s) failed to delete: [Rest]."
    stack(aws, "cordon-members", "DELETE_FAILED", StackStatusReason=why)
    document = document_of(result := destroy(config, "--yes", "--json", "--despite-open-incidents"))

    assert result.exit_code == 1
    assert document["errors"] == [
        {
            "message": f"cordon-members in {HOME} is DELETE_FAILED: {why}. Correct that and give the same command "
            f"again. {STAYS_OFF}"
        }
    ]


def test_a_stack_that_cannot_be_asked_about_is_not_called_gone(config: Path, aws: Answering) -> None:
    aws.is_of(MANAGEMENT)
    begins(aws, "cordon-guard")
    aws.refuses("cloudformation", "describe_stacks", "ExpiredToken")
    result = destroy(config, "--yes", "--stack", "guard")

    assert (result.exit_code, result.stdout) == (1, "")
    assert f"AWS did not answer the status of cordon-guard in {HOME}" in result.stderr


def test_forwarders_that_the_settings_name_no_more_go_along(config: Path, aws: Answering) -> None:
    aws.is_of(HUB)
    enabled(aws, "eu-west-2", "eu-west-3")
    stray = "cordon-forwarder-eu-west-2"
    stack(aws, stray, "CREATE_COMPLETE", "eu-west-2")
    aws.refuses("cloudformation", "describe_stacks", "AccessDenied", "no such Region for you", region="eu-west-3")
    goes(aws, FORWARDER, THERE)
    goes(aws, stray, "eu-west-2")
    result = destroy(config, "--yes", "--stack", "forwarders")

    assert result.stdout == f"Destroyed: {FORWARDER}, {stray}.\n"
    assert result.stderr.splitlines()[0] == (
        "warning: could not look for a forwarder in eu-west-3: DescribeStacks: AccessDenied: no such Region for you"
    )


def test_one_region_has_no_forwarder_to_destroy(config: Path, aws: Answering) -> None:
    settings = config / "deployment.yaml"
    settings.write_text(settings.read_text().replace("regions: [eu-west-1, us-east-1]", "regions: [eu-west-1]"))
    aws.is_of(HUB)
    enabled(aws)
    aws.refuses(*ABSENT, region=THERE)

    assert destroy(config, "--yes", "--stack", "forwarders").stdout == "Nothing was destroyed.\n"


def test_detection_goes_when_asked_for_and_what_it_set_up_stays(config: Path, aws: Answering) -> None:
    """The settings that ship have no detection: a stack that they asked for once is found all the same."""
    aws.is_of(HUB)
    goes(aws, "cordon-detection")
    assert destroy(config, "--yes", "--stack", "detection").stdout.splitlines()[:2] == [
        "Destroyed: cordon-detection.",
        "Left on purpose: settings of Security Hub and GuardDuty",
    ]


def test_the_guard_goes_with_the_management_account(config: Path, aws: Answering) -> None:
    """The settings that ship name no target of the guard: one that was deployed once goes all the same."""
    aws.is_of(HUB)
    aws.is_of(MANAGEMENT)
    goes(aws, "cordon-guard")
    refused = destroy(config, "--yes", "--stack", "guard")
    result = destroy(config, "--yes", "--stack", "guard")

    assert refused.exit_code == 1
    assert f"(the hub), the management account is {MANAGEMENT}" in refused.stderr
    assert (result.exit_code, result.stdout) == (0, "Destroyed: cordon-guard.\n")


def test_a_guard_that_is_not_there_is_not_destroyed(config: Path, aws: Answering) -> None:
    aws.is_of(MANAGEMENT)
    aws.refuses(*ABSENT)
    assert destroy(config, "--yes", "--stack", "guard").stdout == "Nothing was destroyed. Not there: cordon-guard.\n"


def test_guard_and_hub_are_never_destroyed_together(config: Path) -> None:
    result = destroy(config, "--yes", "--stack", "guard", "--stack", "hub")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "destroy --stack guard alone" in result.stderr


def test_nobody_to_ask(config: Path) -> None:
    result = destroy(config)

    assert result.exit_code == 2
    assert "no one can answer a question here: give --yes" in result.stderr


@pytest.mark.parametrize(("typed", "code"), [("cordon", 0), ("yes", 1)])
def test_the_qualifier_is_typed(
    config: Path, aws: Answering, monkeypatch: pytest.MonkeyPatch, typed: str, code: int
) -> None:
    monkeypatch.setattr("hub.cli.commands.destroy.asking", lambda **_: None)
    aws.is_of(HUB)
    enabled(aws)
    recorded(aws, {})
    if code == 0:
        switched(aws, "off")
        recorded(aws, {})
        everything_goes(aws)
    result = cordon("organization", "destroy", "--config", config, stdin=f"{typed}\n")

    assert result.exit_code == code
    question = f"This deletes cordon-members, {FORWARDER}, cordon-hub. Type the qualifier (cordon) to continue"
    assert question in result.stderr

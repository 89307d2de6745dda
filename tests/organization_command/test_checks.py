# SPDX-License-Identifier: Apache-2.0
"""Each check before a deployment: what is well, each thing that can be wrong, and what can't be read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from functions import names
from hub.deployment.model import Guard, Rollout
from hub.organization.check import Answer, Check, CheckOutcome, Ground
from hub.organization.checks import guard, operation, place, rollout, sources, stacks
from hub.organization.parts import DeploymentPart, stacks_of
from hub.organization.preflight import GUARD
from hub.organization.preflight import HUB as HUB_CHECKS
from tests.organization_command.answering import HUB, MANAGEMENT, Answering

Standings = Callable[..., tuple[Ground, Answering]]
OK, WARNING, PROBLEM, NOT_CHECKED = (
    CheckOutcome.OK,
    CheckOutcome.WARNING,
    CheckOutcome.PROBLEM,
    CheckOutcome.NOT_CHECKED,
)
CANARY, REST, INNER, ROOT = "ou-abcd-11111111", "ou-abcd-22222222", "ou-abcd-33333333", "r-abcd"

ORGANIZATION = {"Id": "o-exampleorgid", "MasterAccountId": MANAGEMENT, "FeatureSet": "ALL"}
REGISTER = (
    f"aws organizations register-delegated-administrator --account-id {HUB} "
    "--service-principal member.org.stacksets.cloudformation.amazonaws.com"
)


def said(answers: Sequence[Answer]) -> list[tuple[CheckOutcome, str]]:
    return [(each.outcome, each.sentence) for each in answers]


def organization(aws: Answering, **changes: str) -> None:
    aws.says("organizations", "describe_organization", {"Organization": {**ORGANIZATION, **changes}}, {})


def delegated(aws: Answering, *services: str) -> None:
    principals = [{"ServicePrincipal": service} for service in services]
    aws.says(
        "organizations", "list_delegated_services_for_account", {"DelegatedServices": principals}, {"AccountId": HUB}
    )


def parents(aws: Answering, *steps: tuple[str, str]) -> None:
    for child, parent in steps:
        kind = "ROOT" if parent.startswith("r-") else "ORGANIZATIONAL_UNIT"
        aws.says("organizations", "list_parents", {"Parents": [{"Id": parent, "Type": kind}]}, {"ChildId": child})


def test_right_account(standing_on: Standings) -> None:
    ground, _ = standing_on()
    assert said(place.hub_account(ground)) == [
        (OK, f"the credentials are of the hub account {HUB}: arn:aws:sts::{HUB}:assumed-role/operator/someone")
    ]


@pytest.mark.parametrize(
    ("account", "whose"), [(MANAGEMENT, " (the management account)"), ("444455556666", "")], ids=["known", "stranger"]
)
def test_wrong_account(standing_on: Standings, account: str, whose: str) -> None:
    ground, _ = standing_on(account)
    (answer,) = place.hub_account(ground)
    assert answer == Answer(
        "account",
        PROBLEM,
        f"these credentials are of account {account}{whose}, the hub account is {HUB}: "
        f"arn:aws:sts::{account}:assumed-role/operator/someone",
        f"use credentials of {HUB}, for example by AWS_PROFILE",
    )


def test_guard_wants_the_management_account(standing_on: Standings) -> None:
    ground, _ = standing_on(HUB)
    (answer,) = place.management_account(ground)
    assert answer.sentence.startswith(
        f"these credentials are of account {HUB} (the hub), the management account is {MANAGEMENT}"
    )


@pytest.mark.parametrize(
    ("partition", "regions", "expected"),
    [
        ("aws", ("eu-west-1", "us-east-1"), [(OK, "eu-west-1, us-east-1: in partition aws")]),
        ("aws-cn", ("cn-north-1",), [(OK, "cn-north-1: in partition aws-cn")]),
        (
            "aws-us-gov",
            ("us-gov-west-1", "eu-west-1"),
            [(PROBLEM, "eu-west-1 is in the partition aws, the credentials are of aws-us-gov")],
        ),
        ("aws", ("eu-wrong-99x",), [(PROBLEM, "the AWS SDK knows no Region eu-wrong-99x")]),
    ],
)
def test_partition(
    standing_on: Standings, partition: str, regions: tuple[str, ...], expected: list[tuple[CheckOutcome, str]]
) -> None:
    ground, _ = standing_on(partition=partition, regions=regions)
    assert said(place.partition(ground)) == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, (OK, f"this is o-exampleorgid, managed by {MANAGEMENT}")),
        (
            {"Id": "o-otherorgid1"},
            (PROBLEM, "this is the organisation o-otherorgid1, the settings are for o-exampleorgid"),
        ),
        (
            {"MasterAccountId": "999999999999"},
            (PROBLEM, f"the management account is 999999999999, the settings say {MANAGEMENT}"),
        ),
        (
            {"FeatureSet": "CONSOLIDATED_BILLING"},
            (PROBLEM, "the organisation has consolidated billing alone: neither StackSets nor control policies work"),
        ),
    ],
)
def test_organization(standing_on: Standings, changes: dict[str, str], expected: tuple[CheckOutcome, str]) -> None:
    ground, aws = standing_on()
    organization(aws, **changes)
    assert said(place.organization(ground)) == [expected]


def test_no_organization(standing_on: Standings) -> None:
    ground, aws = standing_on()
    aws.refuses("organizations", "describe_organization", "AWSOrganizationsNotInUseException")
    assert said(place.organization(ground)) == [(PROBLEM, f"account {HUB} is in no organisation")]


def test_bootstrap(standing_on: Standings) -> None:
    ground, aws = standing_on()
    remedy = "cordon organization bootstrap"
    aws.says("ssm", "get_parameter", {"Parameter": {"Value": "21"}}, {"Name": "/cdk-bootstrap/hnb659fds/version"})
    aws.refuses("ssm", "get_parameter", "ParameterNotFound")
    aws.says("ssm", "get_parameter", {"Parameter": {"Value": "5"}})
    assert [rollout.bootstrap(ground)[0] for _ in range(3)] == [
        Answer("bootstrap", OK, "eu-west-1 is prepared for the CDK, version 21"),
        Answer("bootstrap", PROBLEM, f"eu-west-1 of {HUB} was not prepared for the CDK", remedy),
        Answer("bootstrap", PROBLEM, "eu-west-1 was prepared for an older CDK: version 5, needed is 6", remedy),
    ]


def test_delegated_administrator_of_stack_sets(standing_on: Standings) -> None:
    ground, aws = standing_on()
    delegated(aws, rollout.STACK_SETS)
    aws.refuses("organizations", "list_delegated_services_for_account", "AccountNotRegisteredException")
    answers = [*rollout.delegation(ground), *rollout.delegation(ground)]
    assert said(answers) == [
        (OK, f"{HUB} is delegated administrator of StackSets"),
        (PROBLEM, f"the hub account {HUB} is not delegated administrator of StackSets"),
    ]
    assert answers[1].remedy == f"in the management account: {REGISTER}"


def test_trusted_access(standing_on: Standings) -> None:
    ground, aws = standing_on()
    for status in ("ENABLED", "DISABLED"):
        aws.says("cloudformation", "describe_organizations_access", {"Status": status}, {"CallAs": "DELEGATED_ADMIN"})
    aws.refuses("cloudformation", "describe_organizations_access", "ValidationError", "You must be ...")
    answers = [rollout.trusted_access(ground)[0] for _ in range(3)]
    assert said(answers) == [
        (OK, "StackSets have trusted access to the organisation"),
        (PROBLEM, "StackSets have no trusted access to the organisation (it is DISABLED)"),
        (
            PROBLEM,
            "CloudFormation refuses: DescribeOrganizationsAccess: ValidationError: You must be ...",
        ),
    ]
    assert answers[1].remedy == (
        f"in the management account: aws cloudformation activate-organizations-access, then {REGISTER}"
    )


def test_units_that_are_apart(standing_on: Standings) -> None:
    ground, aws = standing_on()
    parents(aws, (CANARY, ROOT), (REST, INNER), (INNER, ROOT))
    assert said(rollout.units(ground)) == [(OK, "2 OUs exist, and none is in one of the other set")]


@pytest.mark.parametrize(("canary", "rest"), [((INNER,), (REST,)), ((REST,), (INNER,))], ids=["canary", "rest"])
def test_unit_inside_one_of_the_other_set(standing_on: Standings, canary: tuple[str], rest: tuple[str]) -> None:
    ground, aws = standing_on(rollout=Rollout(canary=canary, rest=rest))
    climbs = {INNER: [(INNER, CANARY), (CANARY, REST), (REST, ROOT)], REST: [(REST, ROOT)]}
    for unit in (*canary, *rest):
        parents(aws, *climbs[unit])
    assert said(rollout.units(ground)) == [
        (PROBLEM, f"{INNER} is inside {REST}: its accounts would get the member template from both stack sets")
    ]


def test_unit_that_is_not_there(standing_on: Standings) -> None:
    ground, aws = standing_on()
    aws.refuses("organizations", "list_parents", "ChildNotFoundException")
    parents(aws, (REST, ROOT))
    assert said(rollout.units(ground)) == [(PROBLEM, f"the organisation has no OU {CANARY}")]


def has_stack(aws: Answering, status: str, region: str = "eu-west-1") -> None:
    stack = {"StackName": "any", "StackStatus": status, "CreationTime": "2026-03-01T00:00:00Z"}
    aws.says("cloudformation", "describe_stacks", {"Stacks": [stack]}, region=region)


def has_no_stack(aws: Answering, region: str = "eu-west-1") -> None:
    aws.refuses(
        "cloudformation", "describe_stacks", "ValidationError", "Stack with id any does not exist", region=region
    )


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("UPDATE_COMPLETE", (OK, "no stack is being changed or stuck")),
        ("ROLLBACK_COMPLETE", (OK, "no stack is being changed or stuck")),
        ("UPDATE_ROLLBACK_COMPLETE", (OK, "no stack is being changed or stuck")),
        ("UPDATE_IN_PROGRESS", (PROBLEM, "cordon-hub in eu-west-1 is UPDATE_IN_PROGRESS")),
        ("UPDATE_ROLLBACK_FAILED", (PROBLEM, "cordon-hub in eu-west-1 is UPDATE_ROLLBACK_FAILED")),
        ("ROLLBACK_FAILED", (PROBLEM, "cordon-hub in eu-west-1 is ROLLBACK_FAILED")),
        ("DELETE_FAILED", (PROBLEM, "cordon-hub in eu-west-1 is DELETE_FAILED")),
    ],
)
def test_how_the_last_deployment_ended(standing_on: Standings, status: str, expected: tuple[CheckOutcome, str]) -> None:
    ground, aws = standing_on()
    has_stack(aws, status)
    has_no_stack(aws, region="us-east-1")
    assert said(stacks.states(ground, stacks_of(ground.settings, (DeploymentPart.HUB, DeploymentPart.FORWARDERS)))) == [
        expected
    ]
    aws.over()


def test_nothing_is_left_over(standing_on: Standings) -> None:
    ground, aws = standing_on()
    has_no_stack(aws)
    aws.refuses("dynamodb", "describe_table", "ResourceNotFoundException")
    aws.refuses("s3", "head_bucket", "404")
    aws.refuses("s3", "head_bucket", "404")
    aws.refuses("sqs", "get_queue_url", "AWS.SimpleQueueService.NonExistentQueue")
    aws.says("logs", "describe_log_groups", {"logGroups": []}, {"logGroupNamePrefix": "/cordon/"})
    assert said(stacks.leftovers(ground)) == [(OK, "nothing is left of an earlier deployment")]


def test_what_holds_something_is_left_over(standing_on: Standings) -> None:
    ground, aws = standing_on()
    table, bucket = names.table("cordon"), names.evidence_bucket("cordon", HUB, "eu-west-1")
    has_no_stack(aws)
    aws.says("dynamodb", "describe_table", {"Table": {}}, {"TableName": table})
    aws.refuses("s3", "head_bucket", "404")
    aws.says("s3", "head_bucket", {}, {"Bucket": bucket})
    letters = names.dead_letters("cordon")
    aws.says("sqs", "get_queue_url", {"QueueUrl": f"https://sqs.example.com/{letters}"}, {"QueueName": letters})
    aws.says("logs", "describe_log_groups", {"logGroups": [{"logGroupName": "/cordon/intake"}]})
    assert said(stacks.leftovers(ground)) == [
        (PROBLEM, f"the table {table} exists without the stack cordon-hub"),
        (PROBLEM, f"the bucket {bucket} exists without the stack cordon-hub"),
        (PROBLEM, f"the queue {letters} exists without the stack cordon-hub"),
        (PROBLEM, "the log group /cordon/intake exists without the stack cordon-hub"),
    ]


def test_what_a_deployment_has_is_no_leftover(standing_on: Standings) -> None:
    ground, aws = standing_on()
    has_stack(aws, "CREATE_COMPLETE")
    assert said(stacks.leftovers(ground)) == [(OK, "cordon-hub exists, and the resources with its names belong to it")]


def has_regions(aws: Answering, *regions: str) -> None:
    aws.says("ec2", "describe_regions", {"Regions": [{"RegionName": region} for region in regions]})


def test_forwarders_outside_the_settings(standing_on: Standings) -> None:
    ground, aws = standing_on()
    has_regions(aws, "eu-west-1", "us-east-1", "eu-west-2", "eu-west-3")
    has_no_stack(aws)
    has_stack(aws, "UPDATE_COMPLETE", "eu-west-2")
    aws.refuses("cloudformation", "describe_stacks", "AccessDenied", region="eu-west-3")
    assert said(stacks.forwarders(ground)) == [
        (WARNING, "cordon-forwarder-eu-west-2 is in eu-west-2, which the settings don't name"),
        (
            NOT_CHECKED,
            "AWS did not say whether there is a forwarder in eu-west-3: DescribeStacks: AccessDenied: no",
        ),
    ]


def test_no_forwarder_outside_the_settings(standing_on: Standings) -> None:
    ground, aws = standing_on()
    has_regions(aws, "eu-west-1", "us-east-1")
    has_no_stack(aws)
    assert said(stacks.forwarders(ground)) == [(OK, "no Region beside those of the settings has a forwarder")]
    aws.over()


FIRST_CALLS: dict[Check, tuple[str, str]] = {
    place.organization: ("organizations", "describe_organization"),
    rollout.bootstrap: ("ssm", "get_parameter"),
    rollout.delegation: ("organizations", "list_delegated_services_for_account"),
    rollout.trusted_access: ("cloudformation", "describe_organizations_access"),
    rollout.units: ("organizations", "list_parents"),
    stacks.leftovers: ("cloudformation", "describe_stacks"),
    sources.administrator: ("organizations", "list_delegated_services_for_account"),
    operation.notices: ("sns", "list_subscriptions_by_topic"),
    operation.kill_switch: ("dynamodb", "get_item"),
    stacks.forwarders: ("ec2", "describe_regions"),
    sources.guardduty: ("guardduty", "list_detectors"),
    sources.security_hub: ("securityhub", "describe_hub"),
    guard.enabled: ("organizations", "list_roots"),
    guard.head_room: ("organizations", "list_policies_for_target"),
}


ASKING_NOBODY = {place.partition}
ALL = dict.fromkeys([*(check for check, _ in HUB_CHECKS), *GUARD])


@pytest.mark.parametrize("check", [each for each in ALL if each not in ASKING_NOBODY], ids=lambda each: each.__name__)
def test_what_cannot_be_read_is_never_ok(standing_on: Standings, check: Check) -> None:
    ground, aws = standing_on(
        regions=("eu-west-1",), rollout=Rollout((CANARY,), ()), guard=Guard((HUB,)), notify=("soc@example.com",)
    )
    service, operation = FIRST_CALLS[check]
    aws.refuses(service, operation, "AccessDeniedException", "not allowed")
    (answer,) = check(ground)
    assert answer.outcome is NOT_CHECKED
    assert answer.sentence.startswith(("AWS did not say: ", "AWS refuses access to table cordon-records: "))
    assert answer.sentence.endswith("AccessDeniedException: not allowed")
    assert answer.remedy


NEEDED = {
    (DeploymentPart.HUB,): {
        "bootstrap", "administrator", "guardduty", "security_hub", "notices", "kill_switch", "leftovers", "forwarders",
    },
    (DeploymentPart.FORWARDERS,): {"administrator", "guardduty", "security_hub", "notices", "forwarders"},
    (DeploymentPart.MEMBERS,): {"bootstrap", "delegation", "trusted_access", "units", "kill_switch"},
    (DeploymentPart.DETECTION,): {"administrator", "guardduty", "security_hub"},
}  # fmt: skip


@pytest.mark.parametrize("parts", NEEDED, ids="+".join)
def test_a_part_is_asked_for_what_it_needs_alone(parts: tuple[DeploymentPart, ...]) -> None:
    """Who brings the members by other means needs neither StackSets nor OUs."""
    asked = {check.__name__ for check, needing in HUB_CHECKS if needing & set(parts)}
    assert asked == NEEDED[parts] | {"partition", "organization"}

# SPDX-License-Identifier: Apache-2.0
"""The checks whether findings will arrive: each Region is called well only if it was asked."""

from __future__ import annotations

from hub.deployment.model import Detection
from hub.organization.checks import sources
from tests.organization_command.answering import HUB, Answering
from tests.organization_command.test_checks import (
    NOT_CHECKED,
    OK,
    WARNING,
    Standings,
    delegated,
    has_no_stack,
    has_stack,
    said,
)


def test_delegated_administrator_of_both(standing_on: Standings) -> None:
    ground, aws = standing_on()
    delegated(aws, "securityhub.amazonaws.com", "guardduty.amazonaws.com")
    assert said(sources.administrator(ground)) == [
        (OK, f"{HUB} is delegated administrator of Security Hub and GuardDuty")
    ]


def test_delegated_administrator_of_neither(standing_on: Standings) -> None:
    ground, aws = standing_on()
    aws.refuses("organizations", "list_delegated_services_for_account", "AccountNotRegisteredException")
    answers = sources.administrator(ground)
    assert said(answers) == [
        (WARNING, f"the hub account {HUB} is not delegated administrator of Security Hub: findings won't reach it"),
        (WARNING, f"the hub account {HUB} is not delegated administrator of GuardDuty: findings won't reach it"),
    ]
    assert answers[0].remedy.endswith(f"aws securityhub enable-organization-admin-account --admin-account-id {HUB}")


def detector(aws: Answering, status: str = "ENABLED", region: str = "eu-west-1") -> None:
    aws.says("guardduty", "list_detectors", {"DetectorIds": ["d1"]}, region=region)
    aws.says(
        "guardduty", "get_detector", {"Status": status, "ServiceRole": "role"}, {"DetectorId": "d1"}, region=region
    )


def members(aws: Answering, enabled: str, region: str = "eu-west-1") -> None:
    aws.says(
        "guardduty",
        "describe_organization_configuration",
        {"MemberAccountLimitReached": False, "AutoEnableOrganizationMembers": enabled},
        {"DetectorId": "d1"},
        region=region,
    )


def test_guardduty_watches_everywhere(standing_on: Standings) -> None:
    ground, aws = standing_on()
    for region in ground.settings.regions:
        detector(aws, region=region)
        members(aws, "ALL", region)
    assert said(sources.guardduty(ground)) == [(OK, "GuardDuty watches every account in eu-west-1, us-east-1")]


def test_guardduty_is_off_here_and_half_there(standing_on: Standings) -> None:
    ground, aws = standing_on(regions=("eu-west-1", "us-east-1", "eu-west-2", "eu-west-3"))
    aws.says("guardduty", "list_detectors", {"DetectorIds": []})
    detector(aws, "DISABLED", "us-east-1")
    detector(aws, region="eu-west-2")
    members(aws, "NEW", "eu-west-2")
    detector(aws, region="eu-west-3")
    aws.refuses("guardduty", "describe_organization_configuration", "BadRequestException", region="eu-west-3")
    answers = sources.guardduty(ground)
    assert said(answers) == [
        (WARNING, "GuardDuty is off in the hub account in eu-west-1"),
        (WARNING, "GuardDuty is off in the hub account in us-east-1"),
        (WARNING, "GuardDuty is not on for every account in eu-west-2 (auto-enable is NEW)"),
        (
            WARNING,
            "the hub account does not administer GuardDuty in eu-west-3: members' findings won't reach it",
        ),
    ]
    assert answers[2].remedy == (
        "aws guardduty update-organization-configuration --region eu-west-2 --detector-id d1 "
        "--auto-enable-organization-members ALL"
    )


def test_security_hub(standing_on: Standings) -> None:
    ground, aws = standing_on(regions=("eu-west-1", "us-east-1", "eu-west-2"))
    aws.says("securityhub", "describe_hub", {"HubArn": "arn"})
    aws.refuses("securityhub", "describe_hub", "InvalidAccessException", region="us-east-1")
    aws.says("securityhub", "describe_security_hub_v2", {"HubV2Arn": "arn"}, region="us-east-1")
    aws.refuses("securityhub", "describe_hub", "InvalidAccessException", region="eu-west-2")
    aws.refuses("securityhub", "describe_security_hub_v2", "ResourceNotFoundException", region="eu-west-2")
    assert said(sources.security_hub(ground)) == [
        (WARNING, "Security Hub is off in the hub account in eu-west-2"),
        (OK, "Security Hub is on in eu-west-1, us-east-1"),
    ]


def test_security_hub_everywhere(standing_on: Standings) -> None:
    ground, aws = standing_on(regions=("eu-west-1",))
    aws.says("securityhub", "describe_hub", {"HubArn": "arn"})
    assert said(sources.security_hub(ground)) == [(OK, "Security Hub is on in eu-west-1")]


MADE = Detection(security_hub_v2=True, guardduty=True)


def test_sources_that_are_yet_to_be_made_are_asked_for_elsewhere(standing_on: Standings) -> None:
    ground, aws = standing_on(detection=MADE)
    has_no_stack(aws)
    aws.says("guardduty", "list_detectors", {"DetectorIds": []}, region="us-east-1")
    has_no_stack(aws)
    aws.says("securityhub", "describe_hub", {"HubArn": "arn"}, region="us-east-1")
    answers = [*sources.guardduty(ground), *sources.security_hub(ground)]
    assert said(answers) == [
        (WARNING, "GuardDuty will be made in eu-west-1 by cordon-detection, but only for the hub account"),
        (WARNING, "GuardDuty is off in the hub account in us-east-1"),
        (OK, "Security Hub will be made in eu-west-1 by cordon-detection"),
        (OK, "Security Hub is on in us-east-1"),
    ]
    assert answers[0].remedy == (
        "after that: aws guardduty update-organization-configuration --region eu-west-1 --detector-id DETECTOR "
        "--auto-enable-organization-members ALL"
    )


def test_nothing_that_was_not_asked_is_well(standing_on: Standings) -> None:
    ground, aws = standing_on(detection=MADE, regions=("eu-west-1",))
    has_no_stack(aws)
    has_no_stack(aws)
    assert [each.sentence for each in sources.guardduty(ground) + sources.security_hub(ground)] == [
        "GuardDuty will be made in eu-west-1 by cordon-detection, but only for the hub account",
        "Security Hub will be made in eu-west-1 by cordon-detection",
    ]


def test_sources_that_were_made_are_asked_for_everywhere(standing_on: Standings) -> None:
    ground, aws = standing_on(detection=MADE, regions=("eu-west-1",))
    has_stack(aws, "CREATE_COMPLETE")
    detector(aws)
    members(aws, "NONE")
    has_stack(aws, "CREATE_COMPLETE")
    aws.says("securityhub", "describe_hub", {"HubArn": "arn"})
    assert said([*sources.guardduty(ground), *sources.security_hub(ground)]) == [
        (WARNING, "GuardDuty is not on for every account in eu-west-1 (auto-enable is NONE)"),
        (OK, "Security Hub is on in eu-west-1"),
    ]
    aws.over()


def test_whether_it_is_made_cannot_be_read(standing_on: Standings) -> None:
    ground, aws = standing_on(detection=MADE)
    for _ in range(2):
        aws.refuses("cloudformation", "describe_stacks", "AccessDenied")
    assert {each.outcome for each in sources.guardduty(ground) + sources.security_hub(ground)} == {NOT_CHECKED}

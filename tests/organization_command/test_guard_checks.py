# SPDX-License-Identifier: Apache-2.0
"""The checks before the guard is deployed: control policies in use, and room for two more."""

from __future__ import annotations

from hub.deployment.model import Guard
from hub.organization.checks import guard
from tests.organization_command.answering import HUB, MANAGEMENT, Answering
from tests.organization_command.test_checks import CANARY, OK, PROBLEM, REST, ROOT, WARNING, Standings, said


def test_control_policies_are_not_enabled(standing_on: Standings) -> None:
    ground, aws = standing_on(MANAGEMENT)
    root = {"Id": ROOT, "Name": "Root", "Arn": f"arn:aws:organizations::{MANAGEMENT}:root/o-exampleorgid/{ROOT}"}
    for kinds in ([], [{"Type": "SERVICE_CONTROL_POLICY", "Status": "ENABLED"}]):
        aws.says("organizations", "list_roots", {"Roots": [{**root, "PolicyTypes": kinds}]})
    answers = [guard.enabled(ground)[0] for _ in range(2)]
    assert said(answers) == [
        (PROBLEM, "service control policies are not enabled in the organisation"),
        (OK, "service control policies are enabled"),
    ]
    assert (
        answers[0].remedy
        == f"aws organizations enable-policy-type --root-id {ROOT} --policy-type SERVICE_CONTROL_POLICY"
    )


def attached(aws: Answering, target: str, *policies: str) -> None:
    found = [{"Name": name} for name in policies]
    aws.says(
        "organizations",
        "list_policies_for_target",
        {"Policies": found},
        {"TargetId": target, "Filter": "SERVICE_CONTROL_POLICY"},
    )


def test_head_room(standing_on: Standings) -> None:
    ground, aws = standing_on(MANAGEMENT, guard=Guard(targets=(CANARY, REST, "ou-abcd-44444444")))
    attached(aws, CANARY, "FullAWSAccess", "a", "b", "c", "cordon-evidence-lock")
    attached(aws, REST, "FullAWSAccess", "a", "b", "c", "d")
    aws.refuses("organizations", "list_policies_for_target", "TargetNotFoundException")
    attached(aws, HUB, "FullAWSAccess", "a", "b", "c", "d", "e")
    assert said(guard.head_room(ground)) == [
        (WARNING, f"{REST} would have 6 service control policies: AWS's default quota is 5"),
        (PROBLEM, "the organisation has no ou-abcd-44444444"),
        (WARNING, f"{HUB} would have 7 service control policies: AWS's default quota is 5"),
    ]


def test_enough_head_room(standing_on: Standings) -> None:
    ground, aws = standing_on(MANAGEMENT, guard=Guard(targets=(CANARY,)))
    attached(aws, CANARY, "FullAWSAccess")
    attached(aws, HUB, "FullAWSAccess", "a", "b", "c")
    assert said(guard.head_room(ground)) == [(OK, f"the policies fit on {CANARY}, {HUB}")]


def test_the_hub_may_be_a_target_itself(standing_on: Standings) -> None:
    ground, aws = standing_on(MANAGEMENT, guard=Guard(targets=(HUB,)))
    attached(aws, HUB, "FullAWSAccess", "a", "b", "c")
    assert said(guard.head_room(ground)) == [
        (WARNING, f"{HUB} would have 6 service control policies: AWS's default quota is 5")
    ]

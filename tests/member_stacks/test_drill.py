# SPDX-License-Identifier: Apache-2.0
"""The drill range: reached by Systems Manager alone, and its attack is what the playbook says."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.member_stacks.made import GOLDEN, drill, linted, pretty, resolved, resources, same_as_golden, texts


def test_it_is_what_a_reviewer_has_read() -> None:
    same_as_golden(GOLDEN / "drill.json", pretty(drill()))


def test_cfn_lint_has_nothing_to_say() -> None:
    assert linted(drill()) == []


def test_it_needs_nothing() -> None:
    assert set(drill()) == {"Description", "Outputs", "Resources"}


def test_nothing_comes_in_from_outside() -> None:
    groups = resources("EC2.SecurityGroup", drill())
    into = {name: group.get("SecurityGroupIngress", []) for name, group in groups.items()}
    assert into["AttackerGroup"] == []
    (rule,) = into["TargetGroup"]
    assert rule["SourceSecurityGroupId"] == {"Fn::GetAtt": ["AttackerGroup", "GroupId"]}
    assert (rule["IpProtocol"], rule["FromPort"]) == ("icmp", 8)
    assert not resources("EC2.KeyPair", drill())
    assert [host for host in resources("EC2.Instance", drill()).values() if "KeyName" in host] == []


def test_the_hosts_can_do_what_systems_manager_needs_and_no_more() -> None:
    ((_, role),) = resources("IAM.Role", drill()).items()
    assert role["ManagedPolicyArns"] == ["arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"]
    assert "Policies" not in role


def commands() -> list[str]:
    ((_, document),) = resources("SSM.Document", drill()).items()
    return [line for step in document["Content"]["mainSteps"] for line in step["inputs"]["runCommand"]]


def test_the_attack_is_look_ups_alone() -> None:
    asked = [line for line in commands() if not line.startswith("command -v dig")]
    assert asked[0] == "dig GuardDutyC2ActivityB.com any || true"
    assert any("minergate" in line for line in asked)
    assert any("torproject" in line for line in asked)
    assert [line for line in asked if not re.fullmatch(r"dig [\w.]+( any)? \|\| true", line)] == []


@pytest.mark.parametrize("partition", ["aws", "aws-cn", "aws-us-gov"])
def test_it_is_right_in_every_partition(partition: str) -> None:
    arns = [text for text in texts(resolved(drill(), partition)) if text.startswith("arn:")]
    assert {arn.split(":")[1] for arn in arns} == {partition}


def test_metadata_takes_a_token_and_disks_are_encrypted() -> None:
    hosts: list[dict[str, Any]] = list(resources("EC2.Instance", drill()).values())
    assert len(hosts) == 2
    for host in hosts:
        assert host["MetadataOptions"]["HttpTokens"] == "required"
        assert all(each["Ebs"]["Encrypted"] for each in host["BlockDeviceMappings"])

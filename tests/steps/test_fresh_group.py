# SPDX-License-Identifier: Apache-2.0
"""A group made a moment ago: EC2 shows it late, and until it is proven shut it is not put on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from functions.incident.model import StepOutcome
from functions.steps.network import isolate
from functions.steps.network.group_rules import NOT_VISIBLE
from functions.steps.network.quarantine_group import record_name
from functions.steps.step import Task
from hub.simulation.world_spec import Eni
from tests.conftest import NewScenario
from tests.finding.findings import asff
from tests.scenario import ACCOUNT, INSTANCE, REGION, Scenario, instance
from tests.steps.made import INCIDENT_ID, run, task

ALWAYS = 1000


@contextmanager
def answering(ec2: Any, operation: str, change: Any, times: int = ALWAYS) -> Iterator[list[int]]:
    """Change the first answers of an operation; give how many there were."""
    seen: list[int] = []

    def answer(parsed: dict[str, Any], **_: Any) -> None:
        seen.append(len(seen))
        if len(seen) <= times:
            change(parsed)

    ec2.meta.events.register(f"after-call.ec2.{operation}", answer)
    try:
        yield seen
    finally:
        ec2.meta.events.unregister(f"after-call.ec2.{operation}", answer)


def no_rules(parsed: dict[str, Any]) -> None:
    parsed["SecurityGroupRules"] = []


def worn(scenario: Scenario) -> list[dict[str, Any]]:
    groups = {each["id"]: each for each in scenario.simulation.world()["security_groups"]}
    return [groups[group] for eni in scenario.host()["enis"] for group in eni["groups"]]


def member_ec2(scenario: Scenario) -> Any:
    return scenario.clients.member("ec2", REGION)


@pytest.mark.parametrize("blind", [1, 4])
def test_rules_that_show_late_are_waited_for(new_scenario: NewScenario, blind: int) -> None:
    scenario = new_scenario()
    with answering(member_ec2(scenario), "DescribeSecurityGroupRules", no_rules, blind) as seen:
        scenario.deliver(asff())
    assert len(seen) == blind + 1
    assert [each["egress"] for each in worn(scenario)] == [[]]
    assert scenario.incident.state == "contained"


def test_a_rule_for_ipv6_that_shows_late_is_gone_before_the_group_is_worn(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(enis=(Eni(ipv6=True),)))

    def ipv4_alone(parsed: dict[str, Any]) -> None:
        parsed["SecurityGroupRules"] = [each for each in parsed["SecurityGroupRules"] if not each.get("CidrIpv6")]

    egress: list[Any] = []

    def before_the_swap(**_: Any) -> None:
        with scenario.simulation.unrecorded():
            made = [each for each in scenario.simulation.world()["security_groups"] if "quarantine" in each["name"]]
        egress.extend(each["egress"] for each in made)

    swap = "provide-client-params.ec2.ModifyNetworkInterfaceAttribute"
    member_ec2(scenario).meta.events.register(swap, before_the_swap)
    with answering(member_ec2(scenario), "DescribeSecurityGroupRules", ipv4_alone):
        scenario.deliver(asff())
    assert egress == [[]]
    assert scenario.incident.state == "contained"


def test_rules_that_never_show_leave_the_host_untouched_for_now(new_scenario: NewScenario) -> None:
    scenario = new_scenario()
    with task(scenario) as tasks:
        each = tasks[isolate.STEP]
        with answering(each.member.ec2, "DescribeSecurityGroupRules", no_rules):
            result = run(isolate.STEP, each)
        assert result.outcome is StepOutcome.FAILED
        assert result.transient
        assert [item.error for item in result.items] == ["NotVisibleYet"]
        assert each.member.records.group(each.member.target, record_name(each)) is None
    assert scenario.calls("ModifyNetworkInterfaceAttribute") == []


def test_a_group_found_again_is_shut_for_certain_though_no_rule_shows(new_scenario: NewScenario) -> None:
    """The try before saw no rule and gave up; this one sees none either, in both ways of asking."""
    scenario = new_scenario()

    def no_egress(parsed: dict[str, Any]) -> None:
        for group in parsed["SecurityGroups"]:
            group["IpPermissionsEgress"] = []

    for resumed in (False, True):
        with task(scenario, resumed=resumed) as tasks:
            each = tasks[isolate.STEP]
            with (
                answering(each.member.ec2, "DescribeSecurityGroupRules", no_rules),
                answering(each.member.ec2, "DescribeSecurityGroups", no_egress),
            ):
                result = run(isolate.STEP, each)
    assert result.outcome is StepOutcome.DONE
    assert len(scenario.calls("CreateSecurityGroup")) == 1
    assert [each["egress"] for each in worn(scenario)] == [[]]


def test_revoking_that_is_not_confirmed_is_no_proof(new_scenario: NewScenario) -> None:
    scenario = new_scenario()
    with task(scenario) as tasks:
        each = tasks[isolate.STEP]
        with answering(each.member.ec2, "RevokeSecurityGroupEgress", lambda parsed: parsed.update(Return=False)):
            result = run(isolate.STEP, each)
    assert result.transient
    assert scenario.calls("ModifyNetworkInterfaceAttribute") == []


def test_a_group_that_is_read_back_open_is_not_recorded_and_comes_again(new_scenario: NewScenario) -> None:
    scenario = new_scenario()
    everybody = [{"IpProtocol": "-1", "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}]

    def late(parsed: dict[str, Any]) -> None:
        for group in parsed["SecurityGroups"]:
            group["IpPermissionsEgress"] = everybody

    with task(scenario) as tasks:
        each = tasks[isolate.STEP]
        with answering(each.member.ec2, "DescribeSecurityGroups", late):
            result = run(isolate.STEP, each)
        assert [(item.error, item.transient) for item in result.items if item.error] == [("GroupNotTrusted", True)]
        assert each.member.records.group(each.member.target, record_name(each)) is None


@pytest.mark.parametrize(
    "operation", ["AuthorizeSecurityGroupIngress", "RevokeSecurityGroupEgress", "ModifyNetworkInterfaceAttribute"]
)
@pytest.mark.parametrize("code", [*sorted(NOT_VISIBLE), "UnauthorizedOperation"])
def test_a_group_that_ec2_does_not_know_yet_is_asked_for_again(
    new_scenario: NewScenario, operation: str, code: str
) -> None:
    scenario = new_scenario(faults=[f"ec2:{operation}={code}*2"])
    (handed,) = scenario.hand_over(asff())
    assert handed.delivered.receives == 1
    assert scenario.incident.state == "contained"
    assert len(scenario.calls(operation)) == 3


def test_a_group_that_ec2_does_not_know_for_long_brings_the_message_again(new_scenario: NewScenario) -> None:
    scenario = new_scenario(faults=["ec2:ModifyNetworkInterfaceAttribute=InvalidGroup.NotFound*5"])
    (handed,) = scenario.hand_over(asff())
    assert handed.delivered.receives == 2
    assert scenario.incident.state == "contained"


def test_rules_of_somebody_else_on_a_new_group_bring_the_message_again(new_scenario: NewScenario) -> None:
    scenario = new_scenario()

    def meddle(parsed: dict[str, Any]) -> None:
        for rule in parsed["SecurityGroupRules"]:
            rule["CidrIpv4"] = "203.0.113.9/32"

    with task(scenario) as tasks, answering(tasks[isolate.STEP].member.ec2, "DescribeSecurityGroupRules", meddle):
        result = run(isolate.STEP, tasks[isolate.STEP])
    assert [(item.error, item.transient) for item in result.items] == [("GroupNotTrusted", True)]


def half_made(scenario: Scenario, name: str, vpc: str) -> str:
    """Make a group as an earlier try of the incident would have left it, under any name."""
    tags = [{"Key": "cordon:incident", "Value": INCIDENT_ID}, {"Key": "status", "Value": "isolated"}]
    made = scenario.other_client().create_security_group(
        GroupName=name,
        Description="a",
        VpcId=vpc,
        TagSpecifications=[{"ResourceType": "security-group", "Tags": tags}],
    )
    return str(made["GroupId"])


def base_name(each: Task) -> str:
    return f"cordon-quarantine-{record_name(each).partition('#')[2]}"


@pytest.mark.parametrize(
    ("suffix", "adopted"),
    [("", True), (f"-{INCIDENT_ID}", True), ("-inc-1kjq1eaw0-zzzzzzzz", False), (f"-{INCIDENT_ID}-x", False)],
)
def test_of_groups_with_the_tag_those_of_the_incidents_own_names_alone_are_used(
    new_scenario: NewScenario, suffix: str, *, adopted: bool
) -> None:
    scenario = new_scenario()
    with task(scenario, resumed=True) as tasks:
        each = tasks[isolate.STEP]
        found = half_made(scenario, base_name(each) + suffix, str(each.host.vpc))
        result = run(isolate.STEP, each)
    assert (result.receipt["group"] == found) is adopted
    assert result.outcome is StepOutcome.DONE


def test_a_group_that_another_host_wears_is_not_adopted(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(), instance("i-0000000000000002"))
    with task(scenario, resumed=True) as tasks:
        each = tasks[isolate.STEP]
        found = half_made(scenario, base_name(each), str(each.host.vpc))
        (eni,) = scenario.host("i-0000000000000002")["enis"]
        scenario.other_client().modify_network_interface_attribute(NetworkInterfaceId=eni["id"], Groups=[found])
        result = run(isolate.STEP, each)
    assert result.receipt["group"] not in {found, None}
    (group,) = [each for each in scenario.simulation.world()["security_groups"] if each["id"] == found]
    assert group["egress"], "its rules were left alone"


def test_more_recorded_groups_than_a_filter_takes(new_scenario: NewScenario) -> None:
    scenario = new_scenario()
    with task(scenario) as tasks:
        each = tasks[isolate.STEP]
        right = run(isolate.STEP, each).receipt["group"]
        for number in range(450):
            each.member.records.record_group(each.member.target, f"vpc-{number}#a", f"sg-{number:017x}")
    with task(scenario) as tasks:
        assert isolate.quarantine_group.trusted(tasks[isolate.STEP]) == right
        filters = [call["parameters"]["Filters"][0]["Values"] for call in scenario.calls("DescribeSecurityGroups")]
    assert max(map(len, filters)) <= 200
    assert sum(map(len, filters)) > 450


def test_interfaces_of_another_vpc_are_named_and_the_others_isolated(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(enis=(Eni(), Eni())))
    second = scenario.host()["enis"][1]["id"]

    def elsewhere(parsed: dict[str, Any]) -> None:
        for each in parsed["NetworkInterfaces"]:
            if each["NetworkInterfaceId"] == second:
                each["VpcId"] = "vpc-0other"

    with answering(member_ec2(scenario), "DescribeNetworkInterfaces", elsewhere):
        (handed,) = scenario.hand_over(asff())
    assert handed.delivered.receives == 1, "trying again would not help"
    assert scenario.incident.state == "partial"
    assert "another VPC" in scenario.incident.reason
    assert [call["parameters"]["NetworkInterfaceId"] for call in scenario.calls("ModifyNetworkInterfaceAttribute")] == [
        scenario.host()["enis"][0]["id"]
    ]
    assert (scenario.incident.target.account, scenario.incident.target.instance) == (ACCOUNT, INSTANCE)

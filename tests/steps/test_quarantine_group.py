# SPDX-License-Identifier: Apache-2.0
"""Which group is put on: the recorded one as it should be, or a new one; never a stranger's, never a repaired one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from functions.finding.model import Target
from functions.incident.model import State
from functions.steps.network import isolate
from functions.steps.network.access import Access, rules_of
from hub.simulation.world_spec import Eni, GroupRuleSpec, SecurityGroup
from tests.conftest import NewScenario
from tests.finding.findings import asff
from tests.intake.policies import C2, policy
from tests.scenario import ACCOUNT, INSTANCE, REGION, Scenario, instance
from tests.steps.made import OPTIONS, run, task

SECOND = "i-0000000000000002"
THIRD = "i-0000000000000003"
EVERYBODY = GroupRuleSpec("-1", cidr="0.0.0.0/0")
BOTH = (instance(), instance(SECOND))


def contain(scenario: Scenario, name: str = INSTANCE) -> str:
    """Contain a host and return the one group that it then wears."""
    (result,) = scenario.deliver(asff(C2, finding=f"{name[2:]:0>32}", instances=[name]))
    assert result.outcome == "acted"
    (group,) = {group for eni in scenario.host(name)["enis"] for group in eni["groups"]}
    return str(group)


def group(scenario: Scenario, group_id: str) -> Mapping[str, Any]:
    (found,) = [each for each in scenario.simulation.world()["security_groups"] if each["id"] == group_id]
    return found


def closed(scenario: Scenario, group_id: str) -> bool:
    """Tell whether a group has nothing but the investigators' way in."""
    (told,) = scenario.other_client().describe_security_groups(GroupIds=[group_id])["SecurityGroups"]
    access = Access.from_options({"access": {"ports": [22, 3389], "cidrs": ["198.51.100.0/24"]}})
    return rules_of(told) == access.rules


def test_made_with_investigators_alone_and_nothing_out(new_scenario: NewScenario) -> None:
    scenario = new_scenario()
    made = contain(scenario)
    assert closed(scenario, made)
    tags = group(scenario, made)["tags"]
    assert tags["status"] == "isolated"
    assert tags["cordon:incident"] == scenario.incident.id


def test_recorded_and_right_is_reused(new_scenario: NewScenario) -> None:
    scenario = new_scenario(*BOTH)
    assert contain(scenario) == contain(scenario, SECOND)
    assert len(scenario.calls("CreateSecurityGroup")) == 1


def test_with_ipv6_both_ways_out_are_closed(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(enis=(Eni(ipv6=True),)))
    assert closed(scenario, contain(scenario))


SSM = """
    steps: {isolate: {access: {ports: [22], cidrs: [198.51.100.0/24],
                               ssm: [192.0.2.0/28, "2001:db8:1::/64", pl-0123456789abcdef0]}},
            role_denial: {ssm: exempt}}
"""


def test_where_investigators_come_by_ssm_its_endpoints_alone_can_be_reached(new_scenario: NewScenario) -> None:
    scenario = new_scenario(*BOTH, instance(THIRD), bundle=policy(SSM))
    made = contain(scenario)
    assert {
        (rule["protocol"], rule["from_port"], rule["to_port"], rule["cidr"] or rule["prefix_list"])
        for rule in group(scenario, made)["egress"]
    } == {("tcp", 443, 443, each) for each in ("192.0.2.0/28", "2001:db8:1::/64", "pl-0123456789abcdef0")}
    assert [(rule["from_port"], rule["cidr"]) for rule in group(scenario, made)["ingress"]] == [(22, "198.51.100.0/24")]
    assert scenario.incident.state is State.CONTAINED
    assert contain(scenario, SECOND) == made
    # A further way out is none of ours.
    add_egress(scenario.other_client(), made)
    assert contain(scenario, THIRD) != made


def test_a_way_out_to_ssm_that_can_not_be_made_is_named_and_the_host_isolated(new_scenario: NewScenario) -> None:
    scenario = new_scenario(bundle=policy(SSM), faults=["ec2:AuthorizeSecurityGroupEgress=UnauthorizedOperation"])
    made = contain(scenario)
    assert group(scenario, made)["egress"] == []
    assert scenario.incident.state is State.PARTIAL
    assert "investigators' access: AuthorizeSecurityGroupEgress" in scenario.incident.reason


def add_ingress(ec2: Any, made: str) -> None:
    ec2.authorize_security_group_ingress(
        GroupId=made, IpPermissions=[{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    )


def add_egress(ec2: Any, made: str) -> None:
    ec2.authorize_security_group_egress(
        GroupId=made,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 443, "ToPort": 443, "IpRanges": [{"CidrIp": "203.0.113.9/32"}]}
        ],
    )


def add_itself(ec2: Any, made: str) -> None:
    ec2.authorize_security_group_ingress(
        GroupId=made, IpPermissions=[{"IpProtocol": "-1", "UserIdGroupPairs": [{"GroupId": made}]}]
    )


def widen_a_port(ec2: Any, made: str) -> None:
    ec2.authorize_security_group_ingress(
        GroupId=made,
        IpPermissions=[
            {"IpProtocol": "tcp", "FromPort": 22, "ToPort": 23, "IpRanges": [{"CidrIp": "198.51.100.0/24"}]}
        ],
    )


def take_the_way_in(ec2: Any, made: str) -> None:
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [made]}])["SecurityGroupRules"]
    ec2.revoke_security_group_ingress(
        GroupId=made, SecurityGroupRuleIds=[rule["SecurityGroupRuleId"] for rule in rules]
    )


@pytest.mark.parametrize("meddle", [add_ingress, add_egress, add_itself, widen_a_port, take_the_way_in])
def test_recorded_but_changed_by_somebody_another_is_made_and_the_old_one_left(
    new_scenario: NewScenario, meddle: Any
) -> None:
    scenario = new_scenario(*BOTH)
    first = contain(scenario)
    meddle(scenario.other_client(), first)
    before = group(scenario, first)
    second = contain(scenario, SECOND)
    assert second != first
    assert closed(scenario, second)
    assert group(scenario, first) == before
    # And the new one is what the hub trusts from now on.
    with task(scenario) as tasks:
        each = tasks[isolate.STEP]
        assert isolate.quarantine_group.trusted(each) == second


@pytest.mark.parametrize("key", ["status", "cordon:incident"])
def test_recorded_but_stripped_of_a_tag_another_is_made(new_scenario: NewScenario, key: str) -> None:
    """The contain role may put on nothing else than what has both: the next host must not be left open for it."""
    scenario = new_scenario(*BOTH)
    first = contain(scenario)
    scenario.other_client().delete_tags(Resources=[first], Tags=[{"Key": key}])
    second = contain(scenario, SECOND)
    assert second != first
    assert closed(scenario, second)
    assert group(scenario, second)["tags"][key]


def test_recorded_but_deleted_another_is_made(new_scenario: NewScenario) -> None:
    scenario = new_scenario(*BOTH)
    first = contain(scenario)
    scenario.deployment.release(scenario.incident.id)
    scenario.other_client().delete_security_group(GroupId=first)
    second = contain(scenario, SECOND)
    assert second != first
    assert closed(scenario, second)


def test_a_group_of_another_vpc_is_not_put_on(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(), instance(SECOND, vpc="other"))
    first, second = contain(scenario), contain(scenario, SECOND)
    assert group(scenario, first)["vpc"] != group(scenario, second)["vpc"]
    assert closed(scenario, second)


def test_a_record_that_names_a_group_of_another_vpc_is_not_believed(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(), instance(SECOND, vpc="other"))
    first = contain(scenario)
    with task(scenario, target=target(SECOND)) as tasks:
        each = tasks[isolate.STEP]
        name = isolate.quarantine_group.record_name(each)
        each.member.records.record_group(each.member.target, name, first)
    assert contain(scenario, SECOND) != first


def target(name: str) -> Target:
    return Target("aws", ACCOUNT, REGION, name)


def quarantine_name() -> str:
    access = Access.from_options({"access": {"ports": [22, 3389], "cidrs": ["198.51.100.0/24"]}})
    return f"cordon-quarantine-{access.profile}"


@pytest.mark.parametrize("tags", [{}, {"status": "isolated", "cordon:quarantine": "x", "cordon:incident": "inc-x"}])
def test_a_squatter_is_neither_worn_nor_touched(new_scenario: NewScenario, tags: dict[str, str]) -> None:
    """Somebody in the member account made a group of our name, open to everybody, with our tags even."""
    squatter = SecurityGroup(ACCOUNT, REGION, quarantine_name(), tags=tags, ingress=(EVERYBODY,))
    scenario = new_scenario(security_groups=(squatter,))
    before = group(scenario, scenario.group(quarantine_name()))
    made = contain(scenario)
    assert made != before["id"]
    assert group(scenario, made)["name"].startswith(quarantine_name())
    assert closed(scenario, made)
    assert group(scenario, before["id"]) == before
    assert scenario.incident.state is State.CONTAINED


@pytest.mark.parametrize("ingress", [(EVERYBODY,), ()])
def test_a_strangers_group_with_our_tags_is_never_taken_for_ours(
    new_scenario: NewScenario, ingress: tuple[GroupRuleSpec, ...]
) -> None:
    """Production's group, tagged as if an incident had made it: its rules would be revoked."""
    production = SecurityGroup(ACCOUNT, REGION, "production", ingress=ingress, worn_by=(SECOND,))
    scenario = new_scenario(*BOTH, security_groups=(production,))
    tags = [{"Key": "cordon:incident", "Value": "inc-1kjq1eaw0-k57547jg"}, {"Key": "status", "Value": "isolated"}]
    scenario.other_client().create_tags(Resources=[scenario.group("production")], Tags=tags)
    before = group(scenario, scenario.group("production"))
    with task(scenario, resumed=True) as tasks:
        result = run(isolate.STEP, tasks[isolate.STEP])
    assert result.outcome == "done"
    assert result.receipt["group"] != before["id"]
    assert group(scenario, before["id"]) == before


def test_a_group_that_an_earlier_try_left_half_made_is_finished(new_scenario: NewScenario) -> None:
    scenario = new_scenario(faults=["ec2:RevokeSecurityGroupEgress=crash-before"])
    (handed,) = scenario.hand_over(asff())
    assert handed.delivered.receives == 2
    assert len(scenario.calls("CreateSecurityGroup")) == 1
    (worn,) = scenario.host()["enis"][0]["groups"]
    assert closed(scenario, worn)


def test_a_half_made_group_that_somebody_opened_meanwhile_is_not_finished(new_scenario: NewScenario) -> None:
    scenario = new_scenario(faults=["ec2:RevokeSecurityGroupEgress=InternalError*4"])
    clients = scenario.clients.hub("dynamodb").meta.events
    opened: list[str] = []

    def meddle(params: Mapping[str, Any], **_: Any) -> None:
        if "last_token" in str(params) and not opened:  # the first try gives the lease back
            opened.append(scenario.group(quarantine_name()))
            with scenario.simulation.unrecorded():
                add_ingress(scenario.other_client(), opened[0])

    clients.register("provide-client-params.dynamodb.TransactWriteItems", meddle)
    (handed,) = scenario.hand_over(asff())
    assert opened
    assert handed.delivered.receives == 2
    assert not handed.delivered.dead_lettered
    (worn,) = scenario.host()["enis"][0]["groups"]
    assert worn != opened[0]
    assert closed(scenario, worn)


def test_an_incident_whose_second_group_is_spoilt_too_gets_a_third(new_scenario: NewScenario) -> None:
    """Whoever may add rules in the member account must not be able to keep a host from being isolated."""
    scenario = new_scenario()
    with task(scenario) as tasks:
        first = run(isolate.STEP, tasks[isolate.STEP]).receipt["group"]
    add_ingress(scenario.other_client(), first)
    with task(scenario, resumed=True) as tasks:
        second = run(isolate.STEP, tasks[isolate.STEP]).receipt["group"]
    assert second not in {first, None}
    add_ingress(scenario.other_client(), second)
    with task(scenario, resumed=True) as tasks:
        result = run(isolate.STEP, tasks[isolate.STEP])
    assert result.receipt["group"] not in {first, second, None}, result.reason


def test_two_at_once_use_one_group(new_scenario: NewScenario) -> None:
    """The second is told that the name is taken, and finds the group in the hub's record once it is there."""
    scenario = new_scenario(*BOTH)
    with (
        task(scenario, incident="inc-1kjq1eaw0-aaaaaaaa") as first,
        task(scenario, incident="inc-1kjq1eaw0-bbbbbbbb", target=target(SECOND)) as second,
    ):
        pair = [first[isolate.STEP], second[isolate.STEP]]
        assert [isolate.quarantine_group.trusted(each) for each in pair] == [None, None]
        one = run(isolate.STEP, pair[0]).receipt["group"]
        other = run(isolate.STEP, pair[1]).receipt["group"]
    assert one == other
    assert len([each for each in scenario.simulation.world()["security_groups"] if "quarantine" in each["name"]]) == 1


def test_two_really_at_once_wear_a_group_that_is_shut(new_scenario: NewScenario) -> None:
    scenario = new_scenario(*BOTH)
    with task(scenario, incident="inc-1kjq1eaw0-aaaaaaaa") as first:
        one = first[isolate.STEP]
        with task(scenario, incident="inc-1kjq1eaw0-bbbbbbbb", target=target(SECOND)) as second:
            other = second[isolate.STEP]
            results = other.member.pool.all([lambda: run(isolate.STEP, one), lambda: run(isolate.STEP, other)])
    for result in results:
        assert result.outcome == "done", result.reason
        (told,) = scenario.other_client().describe_security_groups(GroupIds=[result.receipt["group"]])["SecurityGroups"]
        assert rules_of(told) == Access.from_options(OPTIONS).rules

# SPDX-License-Identifier: Apache-2.0
"""Which group is put on: the recorded one as it should be, or a new one; never a stranger's, never a repaired one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from functions.finding.model import Target
from functions.incident.model import State
from functions.steps import isolate
from functions.steps.access import Access, rules_of
from hub.simulation.world_spec import Eni, Rule, SecurityGroup
from tests.conftest import Simulated
from tests.finding.findings import asff
from tests.intake.policies import C2, policy
from tests.stage import ACCOUNT, INSTANCE, REGION, Stage, instance
from tests.steps.made import OPTIONS, run, task

SECOND = "i-0000000000000002"
THIRD = "i-0000000000000003"
EVERYBODY = Rule("-1", cidr="0.0.0.0/0")
BOTH = (instance(), instance(SECOND))


def contain(stage: Stage, name: str = INSTANCE) -> str:
    """Contain a host and return the one group that it then wears."""
    (result,) = stage.deliver(asff(C2, finding=f"{name[2:]:0>32}", instances=[name]))
    assert result.outcome == "acted"
    (group,) = {group for eni in stage.host(name)["enis"] for group in eni["groups"]}
    return str(group)


def group(stage: Stage, group_id: str) -> Mapping[str, Any]:
    (found,) = [each for each in stage.simulation.world()["security_groups"] if each["id"] == group_id]
    return found


def closed(stage: Stage, group_id: str) -> bool:
    """Tell whether a group has nothing but the investigators' way in."""
    (told,) = stage.visitor().describe_security_groups(GroupIds=[group_id])["SecurityGroups"]
    access = Access.from_options({"access": {"ports": [22, 3389], "cidrs": ["198.51.100.0/24"]}})
    return rules_of(told) == access.rules


def test_made_with_investigators_alone_and_nothing_out(simulated: Simulated) -> None:
    stage = simulated()
    made = contain(stage)
    assert closed(stage, made)
    tags = group(stage, made)["tags"]
    assert tags["status"] == "isolated"
    assert tags["cordon:incident"] == stage.incident.id


def test_recorded_and_right_is_reused(simulated: Simulated) -> None:
    stage = simulated(*BOTH)
    assert contain(stage) == contain(stage, SECOND)
    assert len(stage.calls("CreateSecurityGroup")) == 1


def test_with_ipv6_both_ways_out_are_closed(simulated: Simulated) -> None:
    stage = simulated(instance(enis=(Eni(ipv6=True),)))
    assert closed(stage, contain(stage))


SSM = """
    steps: {isolate: {access: {ports: [22], cidrs: [198.51.100.0/24],
                               ssm: [192.0.2.0/28, "2001:db8:1::/64", pl-0123456789abcdef0]}},
            identity: {ssm: exempt}}
"""


def test_where_investigators_come_by_ssm_its_endpoints_alone_can_be_reached(simulated: Simulated) -> None:
    stage = simulated(*BOTH, instance(THIRD), bundle=policy(SSM))
    made = contain(stage)
    assert {
        (rule["protocol"], rule["from_port"], rule["to_port"], rule["cidr"] or rule["prefix_list"])
        for rule in group(stage, made)["egress"]
    } == {("tcp", 443, 443, each) for each in ("192.0.2.0/28", "2001:db8:1::/64", "pl-0123456789abcdef0")}
    assert [(rule["from_port"], rule["cidr"]) for rule in group(stage, made)["ingress"]] == [(22, "198.51.100.0/24")]
    assert stage.incident.state is State.CONTAINED
    assert contain(stage, SECOND) == made
    # A further way out is none of ours.
    add_egress(stage.visitor(), made)
    assert contain(stage, THIRD) != made


def test_a_way_out_to_ssm_that_can_not_be_made_is_named_and_the_host_isolated(simulated: Simulated) -> None:
    stage = simulated(bundle=policy(SSM), faults=["ec2:AuthorizeSecurityGroupEgress=UnauthorizedOperation"])
    made = contain(stage)
    assert group(stage, made)["egress"] == []
    assert stage.incident.state is State.PARTIAL
    assert "investigators' access: AuthorizeSecurityGroupEgress" in stage.incident.reason


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
    simulated: Simulated, meddle: Any
) -> None:
    stage = simulated(*BOTH)
    first = contain(stage)
    meddle(stage.visitor(), first)
    before = group(stage, first)
    second = contain(stage, SECOND)
    assert second != first
    assert closed(stage, second)
    assert group(stage, first) == before
    # And the new one is what the hub trusts from now on.
    with task(stage) as tasks:
        each = tasks[isolate.STEP]
        assert isolate.quarantine_group.trusted(each) == second


@pytest.mark.parametrize("key", ["status", "cordon:incident"])
def test_recorded_but_stripped_of_a_tag_another_is_made(simulated: Simulated, key: str) -> None:
    """The contain role may put on nothing else than what has both: the next host must not be left open for it."""
    stage = simulated(*BOTH)
    first = contain(stage)
    stage.visitor().delete_tags(Resources=[first], Tags=[{"Key": key}])
    second = contain(stage, SECOND)
    assert second != first
    assert closed(stage, second)
    assert group(stage, second)["tags"][key]


def test_recorded_but_deleted_another_is_made(simulated: Simulated) -> None:
    stage = simulated(*BOTH)
    first = contain(stage)
    stage.deployment.release(stage.incident.id)
    stage.visitor().delete_security_group(GroupId=first)
    second = contain(stage, SECOND)
    assert second != first
    assert closed(stage, second)


def test_a_group_of_another_vpc_is_not_put_on(simulated: Simulated) -> None:
    stage = simulated(instance(), instance(SECOND, vpc="other"))
    first, second = contain(stage), contain(stage, SECOND)
    assert group(stage, first)["vpc"] != group(stage, second)["vpc"]
    assert closed(stage, second)


def test_a_record_that_names_a_group_of_another_vpc_is_not_believed(simulated: Simulated) -> None:
    stage = simulated(instance(), instance(SECOND, vpc="other"))
    first = contain(stage)
    with task(stage, target=target(SECOND)) as tasks:
        each = tasks[isolate.STEP]
        name = isolate.quarantine_group.record_name(each)
        each.member.records.record_group(each.member.target, name, first)
    assert contain(stage, SECOND) != first


def target(name: str) -> Target:
    return Target("aws", ACCOUNT, REGION, name)


def quarantine_name() -> str:
    access = Access.from_options({"access": {"ports": [22, 3389], "cidrs": ["198.51.100.0/24"]}})
    return f"cordon-quarantine-{access.profile}"


@pytest.mark.parametrize("tags", [{}, {"status": "isolated", "cordon:quarantine": "x", "cordon:incident": "inc-x"}])
def test_a_squatter_is_neither_worn_nor_touched(simulated: Simulated, tags: dict[str, str]) -> None:
    """Somebody in the member account made a group of our name, open to everybody, with our tags even."""
    squatter = SecurityGroup(ACCOUNT, REGION, quarantine_name(), tags=tags, ingress=(EVERYBODY,))
    stage = simulated(security_groups=(squatter,))
    before = group(stage, stage.group(quarantine_name()))
    made = contain(stage)
    assert made != before["id"]
    assert group(stage, made)["name"].startswith(quarantine_name())
    assert closed(stage, made)
    assert group(stage, before["id"]) == before
    assert stage.incident.state is State.CONTAINED


@pytest.mark.parametrize("ingress", [(EVERYBODY,), ()])
def test_a_strangers_group_with_our_tags_is_never_taken_for_ours(
    simulated: Simulated, ingress: tuple[Rule, ...]
) -> None:
    """Production's group, tagged as if an incident had made it: its rules would be revoked."""
    production = SecurityGroup(ACCOUNT, REGION, "production", ingress=ingress, worn_by=(SECOND,))
    stage = simulated(*BOTH, security_groups=(production,))
    tags = [{"Key": "cordon:incident", "Value": "inc-1kjq1eaw0-k57547jg"}, {"Key": "status", "Value": "isolated"}]
    stage.visitor().create_tags(Resources=[stage.group("production")], Tags=tags)
    before = group(stage, stage.group("production"))
    with task(stage, resumed=True) as tasks:
        result = run(isolate.STEP, tasks[isolate.STEP])
    assert result.outcome == "done"
    assert result.receipt["group"] != before["id"]
    assert group(stage, before["id"]) == before


def test_a_group_that_an_earlier_try_left_half_made_is_finished(simulated: Simulated) -> None:
    stage = simulated(faults=["ec2:RevokeSecurityGroupEgress=crash-before"])
    (handed,) = stage.hand_over(asff())
    assert handed.delivered.receives == 2
    assert len(stage.calls("CreateSecurityGroup")) == 1
    (worn,) = stage.host()["enis"][0]["groups"]
    assert closed(stage, worn)


def test_a_half_made_group_that_somebody_opened_meanwhile_is_not_finished(simulated: Simulated) -> None:
    stage = simulated(faults=["ec2:RevokeSecurityGroupEgress=InternalError*4"])
    clients = stage.clients.hub("dynamodb").meta.events
    opened: list[str] = []

    def meddle(params: Mapping[str, Any], **_: Any) -> None:
        if "last_token" in str(params) and not opened:  # the first try gives the lease back
            opened.append(stage.group(quarantine_name()))
            with stage.simulation.backstage():
                add_ingress(stage.visitor(), opened[0])

    clients.register("provide-client-params.dynamodb.TransactWriteItems", meddle)
    (handed,) = stage.hand_over(asff())
    assert opened
    assert handed.delivered.receives == 2
    assert not handed.delivered.dead_lettered
    (worn,) = stage.host()["enis"][0]["groups"]
    assert worn != opened[0]
    assert closed(stage, worn)


def test_an_incident_whose_second_group_is_spoilt_too_gets_a_third(simulated: Simulated) -> None:
    """Whoever may add rules in the member account must not be able to keep a host from being isolated."""
    stage = simulated()
    with task(stage) as tasks:
        first = run(isolate.STEP, tasks[isolate.STEP]).receipt["group"]
    add_ingress(stage.visitor(), first)
    with task(stage, resumed=True) as tasks:
        second = run(isolate.STEP, tasks[isolate.STEP]).receipt["group"]
    assert second not in {first, None}
    add_ingress(stage.visitor(), second)
    with task(stage, resumed=True) as tasks:
        result = run(isolate.STEP, tasks[isolate.STEP])
    assert result.receipt["group"] not in {first, second, None}, result.reason


def test_two_at_once_use_one_group(simulated: Simulated) -> None:
    """The second is told that the name is taken, and finds the group in the hub's record once it is there."""
    stage = simulated(*BOTH)
    with (
        task(stage, incident="inc-1kjq1eaw0-aaaaaaaa") as first,
        task(stage, incident="inc-1kjq1eaw0-bbbbbbbb", target=target(SECOND)) as second,
    ):
        pair = [first[isolate.STEP], second[isolate.STEP]]
        assert [isolate.quarantine_group.trusted(each) for each in pair] == [None, None]
        one = run(isolate.STEP, pair[0]).receipt["group"]
        other = run(isolate.STEP, pair[1]).receipt["group"]
    assert one == other
    assert len([each for each in stage.simulation.world()["security_groups"] if "quarantine" in each["name"]]) == 1


def test_two_really_at_once_wear_a_group_that_is_shut(simulated: Simulated) -> None:
    stage = simulated(*BOTH)
    with task(stage, incident="inc-1kjq1eaw0-aaaaaaaa") as first:
        one = first[isolate.STEP]
        with task(stage, incident="inc-1kjq1eaw0-bbbbbbbb", target=target(SECOND)) as second:
            other = second[isolate.STEP]
            results = other.member.pool.all([lambda: run(isolate.STEP, one), lambda: run(isolate.STEP, other)])
    for result in results:
        assert result.outcome == "done", result.reason
        (told,) = stage.visitor().describe_security_groups(GroupIds=[result.receipt["group"]])["SecurityGroups"]
        assert rules_of(told) == Access.from_options(OPTIONS).rules

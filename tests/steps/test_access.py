# SPDX-License-Identifier: Apache-2.0
"""The investigators' way in: what policy says, as EC2 takes it, and as EC2 tells it afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.steps.network.access import Access, GroupRule, rule_of, rules_of
from tests.scenario import Scenario, open_scenario

CIDRS_V4 = st.ip_addresses(v=4).flatmap(lambda ip: st.integers(0, 32).map(lambda bits: _network(ip, bits)))
CIDRS_V6 = st.ip_addresses(v=6).flatmap(lambda ip: st.integers(0, 128).map(lambda bits: _network(ip, bits)))
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "ports": st.lists(st.integers(1, 65535), max_size=4),
        "cidrs": st.lists(st.one_of(CIDRS_V4, CIDRS_V6), max_size=4),
        "security_groups": st.lists(st.sampled_from(["sg-a", "sg-b"]), max_size=2),
        "prefix_lists": st.lists(st.sampled_from(["pl-0a", "pl-0b"]), max_size=2),
        "ssm": st.lists(st.one_of(CIDRS_V4, CIDRS_V6, st.sampled_from(["sg-a", "pl-0a"])), max_size=3),
    },
)


def _network(address: Any, bits: int) -> str:
    from ipaddress import ip_network

    return str(ip_network(f"{address}/{bits}", strict=False))


@pytest.fixture(scope="module")
def scenario(bundle: bytes) -> Iterator[Scenario]:
    with open_scenario(bundle, warm=False) as opened:
        yield opened


@given(options=OPTIONS)
def test_what_is_given_to_ec2_is_what_is_wanted(options: dict[str, Any]) -> None:
    access = Access.from_options({"access": options})
    told = {"IpPermissions": access.permissions(), "IpPermissionsEgress": access.outward_permissions()}
    assert rules_of(told) == access.rules
    sources = [*options.get("cidrs", []), *options.get("security_groups", []), *options.get("prefix_lists", [])]
    wanted = {(port, source) for port in options.get("ports", []) for source in sources}
    inward = {(rule.from_port, rule.source) for rule in access.rules if not rule.egress}
    outward = {(rule.from_port, rule.source) for rule in access.rules if rule.egress}
    assert (inward, outward) == (wanted, {(443, endpoint) for endpoint in options.get("ssm", [])})
    assert all((rule.protocol, rule.to_port) == ("tcp", rule.from_port) for rule in access.rules)


@settings(max_examples=15, deadline=None)
@given(options=OPTIONS)
def test_what_ec2_tells_is_what_it_was_given(scenario: Scenario, options: dict[str, Any]) -> None:
    ec2 = scenario.other_client()
    vpc = scenario.simulation.world()["security_groups"][0]["vpc"]
    number = len(scenario.simulation.world()["security_groups"])
    given_groups = {
        name: ec2.create_security_group(GroupName=f"{name}-{number}", Description="a", VpcId=vpc)["GroupId"]
        for name in {*options.get("security_groups", []), *options.get("ssm", [])}
        if name.startswith("sg-")
    }
    made_of = {
        key: [given_groups.get(each, each) for each in options.get(key, [])] for key in ("security_groups", "ssm")
    }
    access = Access.from_options({"access": {**options, **made_of}})
    made = ec2.create_security_group(GroupName=f"quarantine-{number}", Description="a", VpcId=vpc)["GroupId"]
    if access.permissions():
        ec2.authorize_security_group_ingress(GroupId=made, IpPermissions=access.permissions())
    if access.outward_permissions():
        ec2.authorize_security_group_egress(GroupId=made, IpPermissions=access.outward_permissions())
    (told,) = ec2.describe_security_groups(GroupIds=[made])["SecurityGroups"]
    everywhere = GroupRule(egress=True, protocol="-1", from_port=-1, to_port=-1, source="0.0.0.0/0")
    assert rules_of(told) == access.rules | {everywhere}
    rules = ec2.describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [made]}])["SecurityGroupRules"]
    assert {rule_of(rule) for rule in rules} == access.rules | {everywhere}


@given(options=OPTIONS, data=st.data())
def test_the_profile_is_of_what_is_allowed_and_of_nothing_else(options: dict[str, Any], data: st.DataObject) -> None:
    access = Access.from_options({"access": options})
    turned = {name: data.draw(st.permutations(values)) for name, values in options.items()}
    assert Access.from_options({"access": turned}).profile == access.profile
    further = {**options, "ports": [*options.get("ports", []), 9999]}
    if 9999 not in options.get("ports", []):
        assert Access.from_options({"access": further}).profile != access.profile


def test_without_endpoints_of_ssm_the_profile_is_what_it_was() -> None:
    """Groups that were recorded before there was that option go on being used."""
    options = {"access": {"ports": [22, 3389], "cidrs": ["198.51.100.0/24"], "ssm": []}}
    assert Access.from_options(options).profile == "3bc5b523"


@pytest.mark.parametrize("options", [{}, {"access": None}, {"access": {}}, {"access": {"ports": [22]}}])
def test_without_a_source_nobody_gets_in(options: dict[str, Any]) -> None:
    access = Access.from_options(options)
    assert access.rules == frozenset()
    assert access.permissions() == []


def test_every_rule_of_a_group_counts() -> None:
    everyone = {"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}], "Ipv6Ranges": [{"CidrIpv6": "::/0"}]}
    peers = {"IpProtocol": "udp", "FromPort": 53, "ToPort": 53, "UserIdGroupPairs": [{"GroupId": "sg-a"}]}
    lists = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 2, "PrefixListIds": [{"PrefixListId": "pl-0a"}]}
    assert rules_of({"IpPermissions": [peers, lists], "IpPermissionsEgress": [everyone]}) == {
        GroupRule(egress=False, protocol="udp", from_port=53, to_port=53, source="sg-a"),
        GroupRule(egress=False, protocol="tcp", from_port=1, to_port=2, source="pl-0a"),
        GroupRule(egress=True, protocol="-1", from_port=-1, to_port=-1, source="0.0.0.0/0"),
        GroupRule(egress=True, protocol="-1", from_port=-1, to_port=-1, source="::/0"),
    }

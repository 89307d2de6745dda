# SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

from pathlib import Path

import pytest

from functions.finding.model import Target
from hub.simulation.errors import WorldError
from hub.simulation.world_file import load_world, parse_world
from hub.simulation.world_spec import (
    AccountSpec,
    Eni,
    GroupRuleSpec,
    Instance,
    Profile,
    ScalingGroup,
    SecurityGroup,
    TargetGroupSpec,
    User,
    WorldSpec,
)

EXAMPLE = Path(__file__).with_name("example.yaml")
HEAD = 'accounts: {"444455556666": {name: payments-prod}}\n'
PLACE = 'account: "444455556666", region: eu-west-1'


def test_the_documented_example_is_read() -> None:
    spec = load_world(EXAMPLE)
    assert spec.accounts == {"444455556666": AccountSpec("payments-prod", "/Workloads/Prod")}
    assert spec.instances == (
        Instance(
            id="i-0000000000000001",
            account="444455556666",
            region="eu-west-1",
            enis=(Eni(), Eni()),
            volumes=2,
            profile=Profile("app-profile", "app-role"),
            scaling_group=ScalingGroup("web", 1, 4, 2),
            target_groups=(TargetGroupSpec("web", 8080),),
            tags={"Name": "web-1"},
        ),
    )
    assert spec.security_groups == (
        SecurityGroup(
            "444455556666", "eu-west-1", "cordon-quarantine", ingress=(GroupRuleSpec("-1", cidr="0.0.0.0/0"),)
        ),
    )
    assert spec.users == (User("alice", "444455556666"),)


def test_everything_but_the_place_has_a_default() -> None:
    (read,) = parse_world(f"{HEAD}instances: [{{id: i-0000000000000001, {PLACE}}}]").instances
    assert read == Instance(id="i-0000000000000001", account="444455556666", region="eu-west-1")
    assert (len(read.enis), read.volumes, read.groups, read.state) == (1, 1, ("app",), "running")


def test_interfaces_that_are_not_plain() -> None:
    enis = "enis: [{trunk: true, source_dest_check: false}, {ipv4: false, ipv6: true}]"
    (read,) = parse_world(f"{HEAD}instances: [{{id: i-0000000000000001, {PLACE}, {enis}}}]").instances
    assert read.enis == (Eni(trunk=True, source_dest_check=False), Eni(ipv4=False, ipv6=True))
    fields = 'enis: [{ipv4: false}], vpc_owner: "777788889999"'
    with pytest.raises(WorldError) as raised:
        parse_world(f"{HEAD}instances: [{{id: i-0000000000000001, {PLACE}, {fields}}}]")
    assert raised.value.problems == [
        "world: instances[0].vpc_owner: account 777788889999 is not listed under accounts",
        "world: instances[0].enis: an interface without ipv4 has ipv6",
    ]


def test_an_account_id_needs_no_quotation_marks_and_keeps_its_zeros() -> None:
    spec = parse_world("accounts: {011112222333: {name: old}}\nusers: [{name: alice, account: 011112222333}]")
    assert (list(spec.accounts), spec.users[0].account) == (["011112222333"], "011112222333")


def test_json_is_yaml_too() -> None:
    assert parse_world('{"accounts": {"444455556666": {"name": "a", "ou": "/A"}}}').accounts["444455556666"].ou == "/A"


def test_an_empty_file_is_an_empty_world() -> None:
    assert parse_world("# nothing\n") == WorldSpec()


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("accounts: [", ["world:1:12: this is not YAML"]),
        ("acounts: {}", ["world:1:10: acounts: there is no such key; did you mean accounts?"]),
        ("accounts: 3", ["world:1:11: accounts: this should be a map"]),
        ("accounts: {12: {}}", ["'12' is not a 12-digit account id"]),
        (
            HEAD + 'users: [{name: bob, account: "444455556667"}]',
            ["users[0].account: account 444455556667 is not listed"],
        ),
        (HEAD + "instances: [{id: i-1}]", ["'i-1' is not an instance id", "account is missing", "region is missing"]),
        (
            HEAD + f"instances: [{{id: i-0000000000000001, {PLACE}, stat: running, lifecycle: sport, volumes: many}}]",
            [
                "instances[0].stat: there is no such key; did you mean state?",
                "instances[0].lifecycle: 'sport' is not one of on-demand, spot; did you mean spot?",
                "instances[0].volumes: 'many' is not a whole number",
            ],
        ),
        (
            HEAD + f"instances: [{{id: i-0000000000000001, {PLACE}, enis: [{{group: [a]}}], nitro: maybe}}]",
            ["enis[0].group: there is no such key; did you mean groups?", "nitro: this should be true or false"],
        ),
        (HEAD + f"instances: [{{id: i-0000000000000001, {PLACE}, enis: []}}]", ["at least one interface"]),
        (
            HEAD + f"instances: [{{id: i-0000000000000001, {PLACE}, scaling_group: {{name: web, min: 3}}}}]",
            ["desired 2 is not between min 3 and max 4"],
        ),
        (
            HEAD + f"security_groups: [{{{PLACE}, name: a, ingress: [{{protocol: tcp, cidr: 192.0.2.0/24}}]}}]",
            ["ingress[0]: a rule for tcp has from_port and to_port"],
        ),
        (
            HEAD + f"security_groups: [{{{PLACE}, name: a, worn_by: [i-0000000000000009]}}]",
            ["security_groups[0].worn_by: there is no instance i-0000000000000009"],
        ),
        (
            HEAD + f"instances: [{{id: i-0000000000000001, {PLACE}}}, {{id: i-0000000000000001, {PLACE}}}]",
            ["instances: i-0000000000000001 is listed twice"],
        ),
        (
            HEAD + "instances: [{id: i-0000000000000001, account: 444455556666, region: eu-wets-1}]",
            ["instances[0].region: there is no Region eu-wets-1; did you mean eu-west-1?"],
        ),
        ("accounts: {}\naccounts: {}", ["world:2:1: accounts: this key is here twice"]),
        ("organization: {id: example}", ["organization.id: 'example' is not an organisation id"]),
        ('accounts: {"101010101010": {}}', ["101010101010 is the simulated management account"]),
        ('accounts: {"444455556666": {name: "pay\\e[31m"}}', ["'pay\\x1b[31m' has a control character"]),
        ('accounts: {"444455556666": {ou: "/A\\n/B"}}', ["'/A\\n/B' has a control character"]),
        ('accounts: {"\\e[31m": {}}', ["accounts.'\\x1b[31m': '\\x1b[31m' is not a 12-digit account id"]),
        ("accounts: {٤٤٤٤٥٥٥٥٦٦٦٦: {}}", ["is not a 12-digit account id"]),
        ('"a\\0": {}', ["'a\\x00': there is no such key"]),
        (
            HEAD + f'instances: [{{id: "i-0000000000000001\\t", {PLACE}, tags: {{Name: "a\\x7f", "k\\ud800": v}}}}]',
            [
                "instances[0].id: 'i-0000000000000001\\t' is not an instance id",
                "instances[0].tags.Name: 'a\\x7f' has a control character",
                "instances[0].tags.'k\\ud800': 'k\\ud800' has a control character",
            ],
        ),
        (
            HEAD + f'instances: [{{id: i-0000000000000001, {PLACE}, vpc: "m\\u2028", groups: ["\\u0085"]}}]',
            [
                "instances[0].vpc: 'm\\u2028' has a control character",
                "instances[0].groups[0]: '\\x85' has a control character",
            ],
        ),
        (HEAD + 'users: [{name: "bob\\r", account: "444455556666"}]', ["'bob\\r' has a control character"]),
    ],
)
def test_every_problem_is_reported_with_its_place(text: str, problems: list[str]) -> None:
    with pytest.raises(WorldError) as caught:
        parse_world(text)
    assert len(caught.value.problems) == len(problems)
    for found, part in zip(caught.value.problems, problems, strict=True):
        assert part in found
        assert found.startswith("world:")
        assert found.isprintable()


def test_a_file_that_is_not_there_is_a_problem_too(tmp_path: Path) -> None:
    with pytest.raises(WorldError, match="can't be read"):
        load_world(tmp_path / "absent.yaml")


def test_a_world_from_targets_has_what_they_name() -> None:
    spec = WorldSpec.from_targets(
        [
            Target("aws", "444455556666", "eu-west-1", "i-0000000000000001"),
            Target("aws", "444455556666", "eu-west-1", "i-0000000000000001"),
            Target("aws", "777788889999", "us-east-1", "i-0000000000000002"),
        ],
        ou="/Workloads",
    )
    assert {account: each.ou for account, each in spec.accounts.items()} == {
        "444455556666": "/Workloads",
        "777788889999": "/Workloads",
    }
    assert [(each.id, len(each.enis), each.volumes) for each in spec.instances] == [
        ("i-0000000000000001", 1, 1),
        ("i-0000000000000002", 1, 1),
    ]
    more = spec.with_accounts(["444455556666", "333344445555", spec.organization.hub], ou="/Other")
    assert {account: each.ou for account, each in more.accounts.items()} == {
        "333344445555": "/Other",
        "444455556666": "/Workloads",
        "777788889999": "/Workloads",
    }

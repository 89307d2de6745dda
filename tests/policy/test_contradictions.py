# SPDX-License-Identifier: Apache-2.0
"""Options that contradict one another, or that the deployment has nothing for, are found before an incident."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from hub.cli.commands.policy import policy
from hub.policy.compile import compile_config
from hub.policy.contradictions import Given
from hub.policy.errors import PolicyErrors
from tests.policy.made import configuration

ORG = "version: 1\nrules: {tor: {match: {types: [UnauthorizedAccess:EC2/TorClient]}}}\n"
NO_ADDRESS = "ports without an address give no access: name addresses in cidrs, security_groups and prefix_lists"
NOWHERE = "addresses without a port give no access: name ports"
OPT_IN = "needs the opt-in role: set rollout.identity: true in deployment.yaml and deploy, or leave this out"
SSM = "denies the host Systems Manager, which isolate.access.ssm needs"
BARE = Given(identity_role=False, qualifier="staging")
ACCESS = "access: {ports: [22], cidrs: [198.51.100.0/24]}"
REMOVED = (
    "was removed, since it opened the host (docs/adr/0022); the options that end open connections are network_acl and "
    "idle_timeout"
)

DEPLOYMENT = """\
version: 1
qualifier: staging
management: "333333333333"
home_region: eu-west-1
regions: [eu-west-1]
rollout: {canary: [ou-abcd-11111111], rest: [ou-abcd-22222222], identity: IDENTITY}
"""


def errors_of(directory: Path, files: dict[str, str], given: Given = BARE) -> list[str]:
    root = configuration(directory, files)
    try:
        compile_config(root, given=given)
    except PolicyErrors as error:
        return [str(each).removeprefix(f"{root}/") for each in error.errors]
    return []


ONE_LAYER = [
    ("isolate: {access: {ports: [22]}}", [f"3:28: steps.isolate.access.ports: {NO_ADDRESS}"]),
    ("isolate: {access: {prefix_lists: [pl-12345678]}}", [f"3:28: steps.isolate.access.prefix_lists: {NOWHERE}"]),
    ("isolate: {access: {ports: [], cidrs: []}, network_acl: true}", []),
    ("isolate: {enabled: false, access: {ports: [22]}, network_acl: true}", []),
    (
        "isolate: {network_acl: true, access: {ports: [22], security_groups: [sg-12345678], prefix_lists: []}}",
        [
            "3:19: steps.isolate.network_acl: network_acl would deny the investigators too: a network ACL can't name security_groups; use only cidrs"
        ],
    ),
    ("isolate: {network_acl: true, idle_timeout: true, public_address: disassociate, " + ACCESS + "}", []),
    ("isolate: {public_address: drop}", ["3:35: steps.isolate.public_address: 'drop' is none of keep, disassociate"]),
    ("scaling: {leave: detach, replace: false, targets: keep}", []),
    ("role_denial: {inline: true}", [f"3:23: steps.role_denial.inline: {OPT_IN}"]),
    ("role_denial: {instance_profile: swap}", [f"3:23: steps.role_denial.instance_profile: {OPT_IN}"]),
    ("role_denial: {enabled: false, revoke_sessions: true}", []),
    ("role_denial: {inline: false, revoke_sessions: false, instance_profile: keep}", []),
    (
        "role_denial: {users: [alice, '', 'bob smith'], user_tag: ''}",
        [
            "3:38: steps.role_denial.users[1]: '' is not the name of an IAM user: 1 to 64 of A-Z a-z 0-9 _+=,.@-",
            "3:42: steps.role_denial.users[2]: 'bob smith' is not the name of an IAM user: 1 to 64 of A-Z a-z 0-9 _+=,.@-",
            "3:66: steps.role_denial.user_tag: '' is not the key of a tag that people can set",
        ],
    ),
    (
        "role_denial: {user_tag: status}",
        ["3:23: steps.role_denial.user_tag: 'status' is a tag that Cordon itself writes: name another tag"],
    ),
    (
        "role_denial: {user_tag: 'staging:incident'}",
        ["3:23: steps.role_denial.user_tag: 'staging:incident' is a tag that Cordon itself writes: name another tag"],
    ),
    ("role_denial: {user_tag: 'cordon:incident'}", []),
    (
        "isolate: {access: {ssm: [pl-12345678]}}, role_denial: {}",
        [f"3:28: steps.isolate.access.ssm: denying the role {SSM}: set role_denial.ssm: exempt"],
    ),
    (
        "isolate: {access: {ssm: [pl-12345678]}}, role_denial: {role: keep, inline: false, instance_profile: keep}",
        [],
    ),
    ("isolate: {access: {ssm: [pl-12345678]}}, role_denial: {ssm: exempt}", []),
    ("isolate: {enabled: false, access: {ssm: [pl-12345678]}}, role_denial: {}", []),
]


@pytest.mark.parametrize(("steps", "errors"), ONE_LAYER)
def test_what_one_layer_shows(tmp_path: Path, steps: str, errors: list[str]) -> None:
    told = errors_of(tmp_path, {"organization.yaml": f"{ORG}steps: {{{steps}}}\n"})
    assert told == [f"organization.yaml:{error}" for error in errors]


def test_layers_are_merged_first_and_the_deepest_that_has_a_part_is_named(tmp_path: Path) -> None:
    files = {
        "organization.yaml": f"{ORG}steps: {{isolate: {{{ACCESS}}}}}\n",
        "ous/a.yaml": "version: 1\nou: /Workloads\nsteps: {isolate: {network_acl: true}}\n",
        "ous/b.yaml": "version: 1\nou: /Workloads/Prod\nrules: {tor: {steps: {isolate: {access: {cidrs: []}}}}}\n",
        "accounts/a.yaml": 'version: 1\naccount: "444455556666"\nsteps: {isolate: {access: {prefix_lists: [pl-12345678]}}}\n',
    }
    assert errors_of(tmp_path, files) == [
        "accounts/a.yaml:3:28: steps.isolate.access.prefix_lists: network_acl would deny the investigators too: a network ACL can't name prefix_lists; use only cidrs",
        f"ous/b.yaml:3:42: rules.tor.steps.isolate.access.cidrs: {NO_ADDRESS}",
    ]


def test_an_option_that_opened_the_host_is_refused_and_others_are_named(tmp_path: Path) -> None:
    files = {
        "organization.yaml": f"{ORG}steps: {{isolate: {{untrack: true}}}}\n",
        "ous/a.yaml": "version: 1\nou: /Workloads\nrules: {tor: {steps: {isolate: {untrack: false}}}}\n",
    }
    assert errors_of(tmp_path, files) == [
        f"organization.yaml:3:19: steps.isolate.untrack: {REMOVED}",
        f"ous/a.yaml:3:33: rules.tor.steps.isolate.untrack: {REMOVED}",
    ]


def test_without_settings_everything_is_taken_to_be_there(tmp_path: Path) -> None:
    text = ORG + "steps: {role_denial: {inline: true, user_tag: 'staging:incident'}}\n"
    assert errors_of(tmp_path, {"organization.yaml": text}, Given()) == []


@pytest.mark.parametrize(("identity", "code"), [("false", 1), ("true", 0)])
def test_the_command_goes_by_the_deployment(tmp_path: Path, identity: str, code: int) -> None:
    files = {
        "organization.yaml": ORG + "steps: {role_denial: {instance_profile: swap}}\n",
        "deployment.yaml": DEPLOYMENT.replace("IDENTITY", identity),
    }
    lock = {
        "organization": "o-exampleorgid",
        "hub": "111111111111",
        "forensics": "222222222222",
        "accounts": {"444455556666": {"name": "payments-prod", "ou": "/"}},
    }
    root = configuration(tmp_path, files, lock)
    result = CliRunner().invoke(policy, ["check", "--config", str(root)])
    assert result.exit_code == code
    assert (f"organization.yaml:3:23: steps.role_denial.instance_profile: {OPT_IN}" in result.stdout) == bool(code)

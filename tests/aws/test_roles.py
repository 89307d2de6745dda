# SPDX-License-Identifier: Apache-2.0
"""The member role: for one incident, one instance, one Region and one mode, within what STS takes."""

from __future__ import annotations

import json
from typing import Any

import botocore.session
import pytest

from functions.aws.roles import SESSION_SECONDS, assume, session_policy
from functions.finding.model import Target
from functions.settings import Settings
from functions.steps.registry import contain_actions, release_actions
from hub.simulation.names import Names
from hub.simulation.world_spec import Organization
from tests.stage import TARGET

POLICY_LIMIT = 2048
"""Characters that a session policy may have (STS AssumeRole)."""

PURPOSES = {"contain": "contain", "observe": "contain", "release": "release"}
SETS = {
    "contain": contain_actions(changing=True),
    "observe": contain_actions(changing=False),
    "release": release_actions(),
}


def longest() -> Target:
    """Return the target with the longest names that there are."""
    session = botocore.session.Session()
    places = [
        (part, region)
        for part in session.get_available_partitions()
        for region in session.get_available_regions("ec2", part)
    ]
    partition, region = max(places, key=lambda place: len("".join(place)))
    return Target(partition, "9" * 12, region, "i-" + "f" * 17)


def policy(target: Target, actions: str) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = json.loads(session_policy(target, SETS[actions], purpose=PURPOSES[actions]))[
        "Statement"
    ]
    return statements


@pytest.mark.parametrize("actions", SETS)
def test_it_fits(actions: str) -> None:
    target = longest()
    assert len(target.region) >= 14
    assert len(session_policy(target, SETS[actions], purpose=PURPOSES[actions])) < POLICY_LIMIT


@pytest.mark.parametrize("actions", SETS)
def test_of_all_instances_this_one_alone_may_be_changed(actions: str) -> None:
    for statement in policy(TARGET, actions):
        changes = [each for each in statement["Action"] if ":Describe" not in each]
        if not changes:
            continue
        resources = statement["Resource"]
        assert "*" not in resources
        assert [each for each in resources if ":instance/" in each] == [TARGET.arn]
        elsewhere = [each.split(":", 4)[-1] for each in resources if f":{TARGET.account}:" not in each]
        # The ARN of a shared VPC, of its subnets, and of a group which its owner shares, carry the owner's account.
        shared = {"contain": ["*:subnet/*", "*:vpc/*"], "release": ["*:security-group/*", "*:subnet/*"]}
        assert elsewhere == [":snapshot/*", *shared[actions]]


@pytest.mark.parametrize("actions", SETS)
def test_every_statement_allows_in_this_region_alone(actions: str) -> None:
    statements = policy(TARGET, actions)
    for statement in statements:
        assert statement["Effect"] == "Allow"
        assert statement["Condition"] == {"StringEquals": {"aws:RequestedRegion": TARGET.region}}
    assert {action for statement in statements for action in statement["Action"]} == SETS[actions]


def test_observing_changes_nothing() -> None:
    assert all(":Describe" in action for action in SETS["observe"])
    assert len(policy(TARGET, "observe")) == 1


def test_releasing_makes_nothing() -> None:
    assert not [
        action
        for action in SETS["release"]
        if action.partition(":")[2].startswith("Create") and action != "ec2:CreateTags"
    ]


def test_the_session_carries_the_incident() -> None:
    sent: dict[str, Any] = {}

    class Sts:
        def assume_role(self, **parameters: Any) -> dict[str, Any]:
            sent.update(parameters)
            return {"Credentials": {"AccessKeyId": "a", "SecretAccessKey": "b", "SessionToken": "c"}}

    settings = Settings.from_env(Names(Organization()).environ())
    keys = assume(Sts(), settings, TARGET, "inc-1", purpose="release", actions=SETS["release"])
    assert (keys.access_key, keys.secret_key, keys.token) == ("a", "b", "c")
    assert json.loads(sent.pop("Policy"))
    assert sent == {
        "RoleArn": f"arn:aws:iam::{TARGET.account}:role/cordon/cordon-release",
        "RoleSessionName": "inc-1",
        "SourceIdentity": "inc-1",
        "ExternalId": f"cordon-{TARGET.account}",
        "Tags": [{"Key": "cordon:incident", "Value": "inc-1"}],
        "DurationSeconds": SESSION_SECONDS,
    }

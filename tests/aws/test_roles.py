# SPDX-License-Identifier: Apache-2.0
"""The member role: for one incident, one instance, one Region and one mode, within what STS takes."""

from __future__ import annotations

import fnmatch
import json
from typing import Any

import botocore.session
import pytest

from functions.aws.roles import SESSION_SECONDS, assume, session_policy
from functions.finding.model import Target
from functions.grants import reading
from functions.settings import Settings
from functions.steps.registry import contain_actions, identity_actions, release_actions
from hub.simulation.names import Names
from hub.simulation.world_spec import OrganizationSpec
from tests.scenario import TARGET

POLICY_LIMIT = 2048
"""Characters that a session policy may have (STS AssumeRole)."""

PURPOSES = {"contain": "contain", "observe": "contain", "release": "release", "identity": "identity"}
SETS = {
    "contain": contain_actions(changing=True),
    "observe": contain_actions(changing=False),
    "release": release_actions(),
    "identity": identity_actions(),
}


def longest(actions: str) -> int:
    """Return the length of the longest session policy that there can be, of all Regions of all partitions."""
    session = botocore.session.Session()
    return max(
        len(session_policy(Target(part, "9" * 12, region, "i-" + "f" * 17), SETS[actions], purpose=PURPOSES[actions]))
        for part in session.get_available_partitions()
        for region in session.get_available_regions("ec2", part)
    )


def policy(target: Target, actions: str) -> list[dict[str, Any]]:
    statements: list[dict[str, Any]] = json.loads(session_policy(target, SETS[actions], purpose=PURPOSES[actions]))[
        "Statement"
    ]
    return statements


@pytest.mark.parametrize("actions", SETS)
def test_it_fits(actions: str) -> None:
    """With room to spare, since STS packs the policy with the session's tags, into a size that it doesn't tell."""
    assert longest(actions) < POLICY_LIMIT * 0.9


def changing(actions: str) -> list[dict[str, Any]]:
    return [each for each in policy(TARGET, actions) if not all(map(reading, each["Action"]))]


@pytest.mark.parametrize("actions", SETS)
def test_of_all_instances_this_one_alone_may_be_changed(actions: str) -> None:
    regional = [each for each in changing(actions) if not each["Action"][0].startswith("iam:")]
    for statement in regional:
        resources = statement["Resource"]
        assert "*" not in resources
        assert [each for each in resources if ":instance/" in each] == [TARGET.arn]
        elsewhere = [each.split(":", 4)[-1] for each in resources if f":{TARGET.account}:" not in each]
        # The ARN of a shared VPC, of its subnets, and of a group which its owner shares, carry the owner's account.
        shared = {"contain": ["*:subnet/*", "*:vpc/*"], "release": ["*:security-group/*", "*:subnet/*"], "identity": []}
        assert elsewhere == [":snapshot/*", *shared[actions]]
    assert len(regional) == (actions != "observe")


@pytest.mark.parametrize("actions", SETS)
def test_every_statement_allows_in_this_region_alone_or_in_iam(actions: str) -> None:
    for statement in policy(TARGET, actions):
        assert statement["Effect"] == "Allow"
        if all(action.startswith("iam:") for action in statement["Action"]):
            assert "Condition" not in statement  # IAM has no Region
        else:
            assert statement["Condition"] == {"StringEquals": {"aws:RequestedRegion": TARGET.region}}


@pytest.mark.parametrize("actions", SETS)
def test_what_changes_is_what_the_mode_needs(actions: str) -> None:
    named = [action for statement in changing(actions) for action in statement["Action"]]
    assert sorted(named) == sorted(action for action in SETS[actions] if not reading(action))
    for statement in changing(actions):
        assert all(":iam::" in each for each in statement["Resource"]) is statement["Action"][0].startswith("iam:")


@pytest.mark.parametrize("actions", SETS)
def test_everything_that_is_read_may_be(actions: str) -> None:
    patterns = [each for statement in policy(TARGET, actions) for each in statement["Action"] if "*" in each]
    assert all(map(reading, patterns))
    for action in filter(reading, SETS[actions]):
        assert any(fnmatch.fnmatchcase(action, pattern) for pattern in patterns), action


def test_observing_changes_nothing() -> None:
    assert all(map(reading, SETS["observe"]))
    assert changing("observe") == []


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

    settings = Settings.from_env(Names(OrganizationSpec()).environ())
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

# SPDX-License-Identifier: Apache-2.0
"""No valid policy: recorded, told, nothing touched; and back to work as soon as there is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from functions.incident.model import State
from functions.intake.result import Outcome
from functions.organization.policy_in_force import bundle_key
from functions.policy.bundle import Bundle, canonical
from hub.policy.publish import publish
from tests.conftest import NewScenario
from tests.finding.findings import asff
from tests.intake.policies import policy
from tests.scenario import Scenario


def s3(scenario: Scenario) -> Any:
    return scenario.other_client("s3", scenario.simulation.spec.organization.hub)


def point_to(scenario: Scenario, digest: str | None) -> None:
    scenario.control({"bundle": digest} if digest else {"bundle_before": "none"})


def store(scenario: Scenario, digest: str, data: bytes) -> None:
    s3(scenario).put_object(Bucket=scenario.deployment.settings.policy_bucket, Key=bundle_key(digest), Body=data)


def missing(scenario: Scenario, _: bytes) -> str:
    digest = "0" * 64
    point_to(scenario, digest)
    return f"{digest[:12]} can't be loaded: GetObject: NoSuchKey"


def broken(scenario: Scenario, bundle: bytes) -> str:
    data = bundle[:-10]
    digest = "1" * 64
    store(scenario, digest, data)
    point_to(scenario, digest)
    return "is broken"


def not_json(scenario: Scenario, _: bytes) -> str:
    store(scenario, "2" * 64, b"\xff\x00not json")
    point_to(scenario, "2" * 64)
    return "is broken"


def tampered(scenario: Scenario, bundle: bytes) -> str:
    """Another valid bundle under the name of the published one: somebody who can write the bucket."""
    digest = Bundle.loads(bundle).digest
    other = policy()
    assert Bundle.loads(other).digest != digest
    store(scenario, digest, other)
    return "is not the one that was published"


def another_schema(scenario: Scenario, _: bytes) -> str:
    store(scenario, "3" * 64, canonical({"schema": 99}))
    point_to(scenario, "3" * 64)
    return "schema 99"


def another_organisation(scenario: Scenario, bundle: bytes) -> str:
    data = bundle.replace(b"o-exampleorgid", b"o-anotherorgid")
    digest = Bundle.loads(data).digest
    store(scenario, digest, data)
    point_to(scenario, digest)
    return "is for o-anotherorgid"


WAYS: list[Callable[[Scenario, bytes], str]] = [
    missing,
    broken,
    not_json,
    tampered,
    another_schema,
    another_organisation,
]


@pytest.mark.parametrize("damage", WAYS)
def test_without_a_valid_policy_nothing_is_touched(
    new_scenario: NewScenario, bundle: bytes, damage: Callable[[Scenario, bytes], str]
) -> None:
    scenario = new_scenario(warm=False)
    why = damage(scenario, bundle)
    world = scenario.simulation.world()
    (result,) = scenario.deliver(asff())
    assert result.outcome is Outcome.OBSERVED
    assert "no valid policy" in result.reason
    assert why in result.reason
    assert scenario.simulation.world() == world
    assert not [call for call in scenario.calls() if call["service"] == "ec2"]
    incident = scenario.incident
    assert incident.state is State.OBSERVED
    assert (incident.rule, incident.steps, incident.plan) == (None, (), ())
    assert incident.findings == (asff()["Id"],)
    (note,) = scenario.deployment.notifications()
    assert why in note["Message"]


def test_no_bundle_was_ever_published(new_scenario: NewScenario) -> None:
    scenario = new_scenario(warm=False)
    key = {"pk": {"S": "control"}, "sk": {"S": "control"}}
    dynamodb = scenario.other_client("dynamodb", scenario.simulation.spec.organization.hub)
    dynamodb.update_item(TableName=scenario.deployment.settings.table, Key=key, UpdateExpression="REMOVE bundle")
    (result,) = scenario.deliver(asff())
    assert result.outcome is Outcome.OBSERVED
    assert "no policy bundle was published" in result.reason


def test_a_process_that_met_a_missing_bundle_works_again_once_it_is_there(
    new_scenario: NewScenario, bundle: bytes
) -> None:
    scenario = new_scenario(warm=False)
    digest = Bundle.loads(bundle).digest
    s3(scenario).delete_object(Bucket=scenario.deployment.settings.policy_bucket, Key=bundle_key(digest))
    (first,) = scenario.deliver(asff(finding="a" * 32))
    assert first.outcome is Outcome.OBSERVED
    store(scenario, digest, bundle)  # under the digest that the pointer named all along
    (second,) = scenario.deliver(asff(finding="b" * 32))
    assert second.outcome is Outcome.ACTED
    assert scenario.incident.bundle == digest


def test_a_warm_process_keeps_the_bundle_that_it_verified(new_scenario: NewScenario, bundle: bytes) -> None:
    scenario = new_scenario()
    tampered(scenario, bundle)
    (result,) = scenario.deliver(asff())
    assert result.outcome is Outcome.ACTED
    assert scenario.incident.bundle == Bundle.loads(bundle).digest


def test_a_warm_process_follows_the_pointer_at_once(new_scenario: NewScenario, bundle: bytes) -> None:
    scenario = new_scenario()
    strict = policy()
    services = scenario.services()
    publish(services.clients.hub("s3"), services.clients.hub("dynamodb"), scenario.deployment.settings, strict)
    (result,) = scenario.deliver(asff("UnauthorizedAccess:EC2/TorClient"))
    assert result.outcome is Outcome.OBSERVED  # the shipped policy would have enforced
    assert scenario.incident.bundle == Bundle.loads(strict).digest != Bundle.loads(bundle).digest


def test_a_policy_that_can_not_be_reached_for_now_sends_the_message_back(new_scenario: NewScenario) -> None:
    scenario = new_scenario(warm=False, faults=["s3:GetObject=InternalError*8"])
    (handed,) = scenario.hand_over(asff())
    assert handed.delivered.receives > 1
    assert handed.result is not None
    assert getattr(handed.result, "outcome", None) is Outcome.ACTED

# SPDX-License-Identifier: Apache-2.0
"""No valid policy: recorded, told, nothing touched; and back to work as soon as there is one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from functions.incident.model import State
from functions.intake.result import Outcome
from functions.organization.standing import bundle_key
from functions.policy.bundle import Bundle, canonical
from hub.policy.publish import publish
from tests.conftest import Simulated
from tests.finding.findings import asff
from tests.intake.policies import policy
from tests.stage import Stage


def s3(stage: Stage) -> Any:
    return stage.visitor("s3", stage.simulation.spec.organization.hub)


def point_to(stage: Stage, digest: str | None) -> None:
    stage.control({"bundle": digest} if digest else {"bundle_before": "none"})


def store(stage: Stage, digest: str, data: bytes) -> None:
    s3(stage).put_object(Bucket=stage.deployment.settings.policy_bucket, Key=bundle_key(digest), Body=data)


def missing(stage: Stage, _: bytes) -> str:
    digest = "0" * 64
    point_to(stage, digest)
    return f"{digest[:12]} can't be had: GetObject: NoSuchKey"


def broken(stage: Stage, bundle: bytes) -> str:
    data = bundle[:-10]
    digest = "1" * 64
    store(stage, digest, data)
    point_to(stage, digest)
    return "is broken"


def not_json(stage: Stage, _: bytes) -> str:
    store(stage, "2" * 64, b"\xff\x00not json")
    point_to(stage, "2" * 64)
    return "is broken"


def tampered(stage: Stage, bundle: bytes) -> str:
    """Another valid bundle under the name of the published one: somebody who can write the bucket."""
    digest = Bundle.loads(bundle).digest
    other = policy()
    assert Bundle.loads(other).digest != digest
    store(stage, digest, other)
    return "is not the one that was published"


def another_schema(stage: Stage, _: bytes) -> str:
    store(stage, "3" * 64, canonical({"schema": 99}))
    point_to(stage, "3" * 64)
    return "schema 99"


def another_organisation(stage: Stage, bundle: bytes) -> str:
    data = bundle.replace(b"o-exampleorgid", b"o-anotherorgid")
    digest = Bundle.loads(data).digest
    store(stage, digest, data)
    point_to(stage, digest)
    return "is for o-anotherorgid"


WAYS: list[Callable[[Stage, bytes], str]] = [
    missing,
    broken,
    not_json,
    tampered,
    another_schema,
    another_organisation,
]


@pytest.mark.parametrize("damage", WAYS)
def test_without_a_valid_policy_nothing_is_touched(
    simulated: Simulated, bundle: bytes, damage: Callable[[Stage, bytes], str]
) -> None:
    stage = simulated(warm=False)
    why = damage(stage, bundle)
    world = stage.simulation.world()
    (result,) = stage.deliver(asff())
    assert result.outcome is Outcome.OBSERVED
    assert "no valid policy" in result.reason
    assert why in result.reason
    assert stage.simulation.world() == world
    assert not [call for call in stage.calls() if call["service"] == "ec2"]
    incident = stage.incident
    assert incident.state is State.OBSERVED
    assert (incident.rule, incident.steps, incident.plan) == (None, (), ())
    assert incident.findings == (asff()["Id"],)
    (note,) = stage.deployment.notifications()
    assert why in note["Message"]


def test_no_bundle_was_ever_published(simulated: Simulated) -> None:
    stage = simulated(warm=False)
    key = {"pk": {"S": "control"}, "sk": {"S": "control"}}
    dynamodb = stage.visitor("dynamodb", stage.simulation.spec.organization.hub)
    dynamodb.update_item(TableName=stage.deployment.settings.table, Key=key, UpdateExpression="REMOVE bundle")
    (result,) = stage.deliver(asff())
    assert result.outcome is Outcome.OBSERVED
    assert "no policy bundle was published" in result.reason


def test_a_process_that_met_a_missing_bundle_works_again_once_it_is_there(simulated: Simulated, bundle: bytes) -> None:
    stage = simulated(warm=False)
    digest = Bundle.loads(bundle).digest
    s3(stage).delete_object(Bucket=stage.deployment.settings.policy_bucket, Key=bundle_key(digest))
    (first,) = stage.deliver(asff(finding="a" * 32))
    assert first.outcome is Outcome.OBSERVED
    store(stage, digest, bundle)  # under the digest that the pointer named all along
    (second,) = stage.deliver(asff(finding="b" * 32))
    assert second.outcome is Outcome.ACTED
    assert stage.incident.bundle == digest


def test_a_warm_process_keeps_the_bundle_that_it_verified(simulated: Simulated, bundle: bytes) -> None:
    stage = simulated()
    tampered(stage, bundle)
    (result,) = stage.deliver(asff())
    assert result.outcome is Outcome.ACTED
    assert stage.incident.bundle == Bundle.loads(bundle).digest


def test_a_warm_process_follows_the_pointer_at_once(simulated: Simulated, bundle: bytes) -> None:
    stage = simulated()
    strict = policy()
    hub = stage.hub()
    publish(hub.clients.hub("s3"), hub.clients.hub("dynamodb"), stage.deployment.settings, strict)
    (result,) = stage.deliver(asff("UnauthorizedAccess:EC2/TorClient"))
    assert result.outcome is Outcome.OBSERVED  # the shipped policy would have enforced
    assert stage.incident.bundle == Bundle.loads(strict).digest != Bundle.loads(bundle).digest


def test_a_policy_that_can_not_be_reached_for_now_sends_the_message_back(simulated: Simulated) -> None:
    stage = simulated(warm=False, faults=["s3:GetObject=InternalError*8"])
    (handed,) = stage.hand_over(asff())
    assert handed.delivered.receives > 1
    assert handed.result is not None
    assert getattr(handed.result, "outcome", None) is Outcome.ACTED

# SPDX-License-Identifier: Apache-2.0
"""Volatile evidence: what lies in the bucket is what the world had, each piece by itself, and what lacks is named."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from functions.incident.model import State, StepOutcome, StepResult
from functions.steps import capture, snapshot
from hub.simulation.corrections.console import OUTPUT, SCREEN
from hub.simulation.world_spec import Eni
from tests.conftest import Simulated
from tests.finding.findings import asff
from tests.intake.policies import C2, policy
from tests.stage import ACCOUNT, INSTANCE, REGION, Stage, instance

ON = policy("steps: {capture: {}}\n")
WITH_USER_DATA = policy("steps: {capture: {user_data: true}}\n")
PIECES = {"console.txt", "screenshot.jpg", "instance.json", "interfaces.json", "security-groups.json"}


def bucket(stage: Stage) -> dict[str, list[tuple[str, bytes]]]:
    """Return every file of the evidence bucket by its name within the incident: (version, content), oldest first."""
    name = stage.simulation.names.evidence_bucket
    found: dict[str, list[tuple[str, bytes]]] = {}
    with stage.simulation.backstage():
        s3 = stage.simulation.session.client("s3")
        for each in reversed(s3.list_object_versions(Bucket=name).get("Versions", [])):
            body = s3.get_object(Bucket=name, Key=each["Key"], VersionId=each["VersionId"])["Body"].read()
            found.setdefault(each["Key"].split("/", 2)[2], []).append((each["VersionId"], body))
    return found


def captured(stage: Stage) -> StepResult:
    (result,) = [step for step in stage.incident.steps if step.name == capture.NAME]
    return result


def manifest(stage: Stage) -> Any:
    return json.loads(bucket(stage)["manifest.json"][-1][1])


def moto_instance() -> Any:
    from moto.ec2.models import ec2_backends  # noqa: PLC0415 - importing moto is slow

    return ec2_backends[ACCOUNT][REGION].get_instance(INSTANCE)


def another(number: int = 1, kind: str = C2) -> dict[str, Any]:
    """Return a further finding about the same host."""
    base = asff(kind)
    return {**base, "Id": f"{base['Id'][:-4]}{number:04x}"}


def test_every_piece_is_kept_as_the_world_had_it(simulated: Simulated) -> None:
    stage = simulated(instance(enis=(Eni(), Eni(("app", "db")))), bundle=ON)
    groups = {eni["id"]: set(eni["groups"]) for eni in stage.host()["enis"]}
    stage.deliver(asff(C2))
    files = bucket(stage)
    assert {name.removeprefix("capture/") for name in files if name.startswith("capture/")} == PIECES
    assert files["capture/console.txt"][0][1].decode() == OUTPUT
    assert files["capture/screenshot.jpg"][0][1] == SCREEN
    described = json.loads(files["capture/instance.json"][0][1])
    assert described["InstanceId"] == INSTANCE
    interfaces = json.loads(files["capture/interfaces.json"][0][1])
    assert {each["NetworkInterfaceId"]: {g["GroupId"] for g in each["Groups"]} for each in interfaces} == groups
    rules = json.loads(files["capture/security-groups.json"][0][1])
    assert {each["GroupId"] for each in rules} == {group for worn in groups.values() for group in worn}
    assert all("IpPermissions" in each and "IpPermissionsEgress" in each for each in rules)
    assert {name: file["taken"] for name, file in captured(stage).receipt["files"].items()} == dict.fromkeys(
        PIECES, "before"
    )


def test_the_manifest_proves_every_file(simulated: Simulated) -> None:
    stage = simulated(bundle=ON)
    stage.deliver(asff(C2))
    files, told = bucket(stage), manifest(stage)
    names = {file["key"].split("/", 2)[2]: file for file in told["files"]}
    assert set(names) == set(files) - {"manifest.json"}
    for name, file in names.items():
        ((version, body),) = files[name]
        assert (file["version"], file["bytes"]) == (version, len(body))
        assert file["sha256"] == hashlib.sha256(body).hexdigest()
        assert file["what"]
        assert file["at"]
    assert told["findings"] == list(stage.incident.findings)
    assert set(told["snapshots"].values()) == {each["id"] for each in stage.simulation.world()["snapshots"]}
    assert (told["incident"], told["target"]["instance"], told["missing"]) == (stage.incident.id, INSTANCE, [])


def test_a_further_finding_joins_the_manifest_and_nothing_is_captured_twice(simulated: Simulated) -> None:
    stage = simulated(bundle=ON)
    stage.deliver(asff(C2))
    first = bucket(stage)
    stage.deliver(another())
    files = bucket(stage)
    assert {name: each for name, each in files.items() if name.startswith("capture/")} == {
        name: each for name, each in first.items() if name.startswith("capture/")
    }
    assert files["manifest.json"][:1] == first["manifest.json"]
    findings = [file for file in manifest(stage)["files"] if file["by"] == "intake"]
    assert {file["finding"] for file in findings} == set(manifest(stage)["findings"])
    assert len(findings) == 2


@pytest.mark.parametrize(("bundle", "kept"), [(ON, None), (WITH_USER_DATA, b"#!/bin/sh\n")], ids=["off", "on"])
def test_user_data_goes_along_where_policy_says_so(simulated: Simulated, bundle: bytes, kept: bytes | None) -> None:
    from moto.core.types import Base64EncodedString  # noqa: PLC0415 - importing moto is slow

    stage = simulated(bundle=bundle)
    moto_instance().user_data = Base64EncodedString.from_raw_string("#!/bin/sh\n")
    stage.deliver(asff(C2))
    found = bucket(stage).get("capture/user-data.bin")
    assert (found[0][1] if found else None) == kept


def test_what_can_not_be_had_is_named_and_is_no_failure(simulated: Simulated) -> None:
    stage = simulated(instance(state="stopped"), bundle=WITH_USER_DATA)
    moto_instance().cordon_console = ""
    stage.deliver(asff(C2))
    result = captured(stage)
    assert result.outcome is StepOutcome.DONE
    skipped = {part.what: part.reason for part in result.parts if part.outcome is StepOutcome.SKIPPED}
    assert set(skipped) == {"console.txt", "screenshot.jpg", "user-data.bin"}
    assert "IncorrectInstanceState" in skipped["screenshot.jpg"]
    assert {each["what"] for each in manifest(stage)["missing"]} == set(skipped)
    assert stage.incident.state is State.CONTAINED


def test_the_console_of_a_type_without_nitro_is_had_too(simulated: Simulated) -> None:
    stage = simulated(instance(nitro=False), bundle=ON)
    stage.deliver(asff(C2))
    assert bucket(stage)["capture/console.txt"][0][1].decode() == OUTPUT
    asked = [call["parameters"].get("Latest") for call in stage.calls("GetConsoleOutput")]
    assert asked == [True, None]


def test_a_refused_piece_fails_alone_and_delays_nothing(simulated: Simulated) -> None:
    stage = simulated(bundle=ON, faults=["ec2:GetConsoleScreenshot=UnauthorizedOperation"])
    stage.deliver(asff(C2))
    result = captured(stage)
    failed = {part.what for part in result.parts if part.outcome is StepOutcome.FAILED}
    assert failed == {"screenshot.jpg"}
    assert result.error == "UnauthorizedOperation"
    assert set(result.receipt["files"]) == PIECES - {"screenshot.jpg"}
    assert stage.host()["enis"][0]["groups"] == [_isolated(stage)]


def _isolated(stage: Stage) -> str:
    (result,) = [step for step in stage.incident.steps if step.name == "isolate"]
    return str(result.receipt["group"])


def test_after_an_attempt_that_died_the_groups_from_before_are_described(simulated: Simulated) -> None:
    stage = simulated(bundle=ON, faults=["sns:Publish=crash-before"])
    original = stage.host()["enis"][0]["groups"]
    stage.deliver(asff(C2))
    first, second = bucket(stage)["capture/security-groups.json"]
    assert [each["GroupId"] for each in json.loads(second[1])] == original
    assert first[1] == second[1]
    assert {file["taken"] for file in captured(stage).receipt["files"].values()} == {"after"}
    assert captured(stage).receipt["files"]["security-groups.json"]["version"] == second[0]


def test_evidence_that_can_not_be_written_is_a_gap_and_no_obstacle(simulated: Simulated) -> None:
    stage = simulated(bundle=ON, faults=["s3:PutObject=AccessDenied"])
    stage.deliver(asff(C2))
    assert stage.incident.state is State.PARTIAL
    assert "the manifest was not kept" in stage.incident.reason
    assert {part.error for part in captured(stage).parts} == {"AccessDenied"}
    assert stage.host()["enis"][0]["groups"] == [_isolated(stage)]


@pytest.mark.parametrize(
    ("faults", "what"), [((), snapshot.STORE_PART), (("ec2:DescribeInstanceTypes=InternalError",), "instance type")]
)
def test_instance_store_is_told_and_not_knowing_of_it_is_no_failure(
    simulated: Simulated, faults: tuple[str, ...], what: str
) -> None:
    stage = simulated(instance(instance_store=True), bundle=policy(), faults=faults)
    stage.deliver(asff(C2))
    (result,) = [step for step in stage.incident.steps if step.name == snapshot.NAME]
    assert result.outcome is StepOutcome.DONE
    assert [part.what for part in result.parts if part.outcome is StepOutcome.SKIPPED] == [what]
    assert len(stage.simulation.world()["snapshots"]) == 1
    assert ("instance-store" in stage.incident.residual_risk) == (what == snapshot.STORE_PART)

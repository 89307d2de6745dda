# SPDX-License-Identifier: Apache-2.0
"""Volatile evidence: what lies in the bucket is what the world had, each piece by itself, and what lacks is named."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from functions.incident.model import State, StepOutcome, StepResult
from functions.steps.evidence import capture, snapshot
from hub.simulation.corrections.console import OUTPUT, SCREEN
from hub.simulation.world_spec import Eni
from tests.conftest import NewScenario
from tests.finding.findings import asff
from tests.intake.policies import C2, policy
from tests.scenario import ACCOUNT, INSTANCE, REGION, Scenario, instance

ON = policy("steps: {capture: {}}\n")
WITH_USER_DATA = policy("steps: {capture: {user_data: true}}\n")
PIECES = {"console.txt", "screenshot.jpg", "instance.json", "interfaces.json", "security-groups.json"}


def bucket(scenario: Scenario) -> dict[str, list[tuple[str, bytes]]]:
    """Return every file of the evidence bucket by its name within the incident: (version, content), oldest first."""
    name = scenario.simulation.names.evidence_bucket
    found: dict[str, list[tuple[str, bytes]]] = {}
    with scenario.simulation.unrecorded():
        s3 = scenario.simulation.session.client("s3")
        for each in reversed(s3.list_object_versions(Bucket=name).get("Versions", [])):
            body = s3.get_object(Bucket=name, Key=each["Key"], VersionId=each["VersionId"])["Body"].read()
            found.setdefault(each["Key"].split("/", 2)[2], []).append((each["VersionId"], body))
    return found


def captured(scenario: Scenario) -> StepResult:
    (result,) = [step for step in scenario.incident.steps if step.name == capture.NAME]
    return result


def manifest(scenario: Scenario) -> Any:
    return json.loads(bucket(scenario)["manifest.json"][-1][1])


def moto_instance() -> Any:
    from moto.ec2.models import ec2_backends

    return ec2_backends[ACCOUNT][REGION].get_instance(INSTANCE)


def another(number: int = 1, kind: str = C2) -> dict[str, Any]:
    """Return a further finding about the same host."""
    base = asff(kind)
    return {**base, "Id": f"{base['Id'][:-4]}{number:04x}"}


def test_every_piece_is_kept_as_the_world_had_it(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(enis=(Eni(), Eni(("app", "db")))), bundle=ON)
    groups = {eni["id"]: set(eni["groups"]) for eni in scenario.host()["enis"]}
    scenario.deliver(asff(C2))
    files = bucket(scenario)
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
    assert {name: file["taken"] for name, file in captured(scenario).receipt["files"].items()} == dict.fromkeys(
        PIECES, "before"
    )


def test_the_manifest_proves_every_file(new_scenario: NewScenario) -> None:
    scenario = new_scenario(bundle=ON)
    scenario.deliver(asff(C2))
    files, told = bucket(scenario), manifest(scenario)
    names = {file["key"].split("/", 2)[2]: file for file in told["files"]}
    assert set(names) == set(files) - {"manifest.json"}
    for name, file in names.items():
        ((version, body),) = files[name]
        assert (file["version"], file["bytes"]) == (version, len(body))
        assert file["sha256"] == hashlib.sha256(body).hexdigest()
        assert file["what"]
        assert file["at"]
    assert told["findings"] == list(scenario.incident.findings)
    assert set(told["snapshots"].values()) == {each["id"] for each in scenario.simulation.world()["snapshots"]}
    assert (told["incident"], told["target"]["instance"], told["missing"]) == (scenario.incident.id, INSTANCE, [])


def test_a_further_finding_joins_the_manifest_and_nothing_is_captured_twice(new_scenario: NewScenario) -> None:
    scenario = new_scenario(bundle=ON)
    scenario.deliver(asff(C2))
    first = bucket(scenario)
    scenario.deliver(another())
    files = bucket(scenario)
    assert {name: each for name, each in files.items() if name.startswith("capture/")} == {
        name: each for name, each in first.items() if name.startswith("capture/")
    }
    assert files["manifest.json"][:1] == first["manifest.json"]
    findings = [file for file in manifest(scenario)["files"] if file["by"] == "intake"]
    assert {file["finding"] for file in findings} == set(manifest(scenario)["findings"])
    assert len(findings) == 2


@pytest.mark.parametrize(("bundle", "kept"), [(ON, None), (WITH_USER_DATA, b"#!/bin/sh\n")], ids=["off", "on"])
def test_user_data_goes_along_where_policy_says_so(
    new_scenario: NewScenario, bundle: bytes, kept: bytes | None
) -> None:
    from moto.core.types import Base64EncodedString

    scenario = new_scenario(bundle=bundle)
    moto_instance().user_data = Base64EncodedString.from_raw_string("#!/bin/sh\n")
    scenario.deliver(asff(C2))
    found = bucket(scenario).get("capture/user-data.bin")
    assert (found[0][1] if found else None) == kept


def test_what_can_not_be_had_is_named_and_is_no_failure(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(state="stopped"), bundle=WITH_USER_DATA)
    moto_instance().cordon_console = ""
    scenario.deliver(asff(C2))
    result = captured(scenario)
    assert result.outcome is StepOutcome.DONE
    skipped = {item.what: item.reason for item in result.items if item.outcome is StepOutcome.SKIPPED}
    assert set(skipped) == {"console.txt", "screenshot.jpg", "user-data.bin"}
    assert "IncorrectInstanceState" in skipped["screenshot.jpg"]
    assert {each["what"] for each in manifest(scenario)["missing"]} == set(skipped)
    assert scenario.incident.state is State.CONTAINED


def test_the_console_of_a_type_without_nitro_is_had_too(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance(nitro=False), bundle=ON)
    scenario.deliver(asff(C2))
    assert bucket(scenario)["capture/console.txt"][0][1].decode() == OUTPUT
    asked = [call["parameters"].get("Latest") for call in scenario.calls("GetConsoleOutput")]
    assert asked == [True, None]


def test_a_refused_piece_fails_alone_and_delays_nothing(new_scenario: NewScenario) -> None:
    scenario = new_scenario(bundle=ON, faults=["ec2:GetConsoleScreenshot=UnauthorizedOperation"])
    scenario.deliver(asff(C2))
    result = captured(scenario)
    failed = {item.what for item in result.items if item.outcome is StepOutcome.FAILED}
    assert failed == {"screenshot.jpg"}
    assert result.error == "UnauthorizedOperation"
    assert set(result.receipt["files"]) == PIECES - {"screenshot.jpg"}
    assert scenario.host()["enis"][0]["groups"] == [_isolated(scenario)]


def _isolated(scenario: Scenario) -> str:
    (result,) = [step for step in scenario.incident.steps if step.name == "isolate"]
    return str(result.receipt["group"])


def test_after_an_attempt_that_died_the_groups_from_before_are_described(new_scenario: NewScenario) -> None:
    scenario = new_scenario(bundle=ON, faults=["sns:Publish=crash-before"])
    original = scenario.host()["enis"][0]["groups"]
    scenario.deliver(asff(C2))
    first, second = bucket(scenario)["capture/security-groups.json"]
    assert [each["GroupId"] for each in json.loads(second[1])] == original
    assert first[1] == second[1]
    assert {file["taken"] for file in captured(scenario).receipt["files"].values()} == {"after"}
    assert captured(scenario).receipt["files"]["security-groups.json"]["version"] == second[0]


def test_evidence_that_can_not_be_written_is_a_gap_and_no_obstacle(new_scenario: NewScenario) -> None:
    scenario = new_scenario(bundle=ON, faults=["s3:PutObject=AccessDenied"])
    scenario.deliver(asff(C2))
    assert scenario.incident.state is State.PARTIAL
    assert "the manifest was not kept" in scenario.incident.reason
    assert {item.error for item in captured(scenario).items} == {"AccessDenied"}
    assert scenario.host()["enis"][0]["groups"] == [_isolated(scenario)]


@pytest.mark.parametrize(
    ("faults", "what"), [((), snapshot.STORE_ITEM), (("ec2:DescribeInstanceTypes=InternalError",), "instance type")]
)
def test_instance_store_is_told_and_not_knowing_of_it_is_no_failure(
    new_scenario: NewScenario, faults: tuple[str, ...], what: str
) -> None:
    scenario = new_scenario(instance(instance_store=True), bundle=policy(), faults=faults)
    scenario.deliver(asff(C2))
    (result,) = [step for step in scenario.incident.steps if step.name == snapshot.NAME]
    assert result.outcome is StepOutcome.DONE
    assert [item.what for item in result.items if item.outcome is StepOutcome.SKIPPED] == [what]
    assert len(scenario.simulation.world()["snapshots"]) == 1
    assert ("instance-store" in scenario.incident.residual_risk) == (what == snapshot.STORE_ITEM)

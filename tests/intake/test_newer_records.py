# SPDX-License-Identifier: Apache-2.0
"""Records of a newer version, met after a rollback: left as they are, the message kept, people notified once."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from functions.incident.head import Heads
from functions.incident.items import claim_key, incident_key, shared_resource_key, to_item
from functions.release.release import ReleaseError
from hub.simulation.world_spec import Profile
from tests.conftest import NewScenario
from tests.finding.findings import asff
from tests.intake.policies import C2, policy
from tests.scenario import ACCOUNT, INSTANCE, TARGET, Scenario, instance, open_scenario

Item = dict[str, Any]


class Records:
    """The table, as another version of Cordon would write it."""

    def __init__(self, scenario: Scenario) -> None:
        self._simulation = scenario.simulation
        self._table = scenario.deployment.settings.table

    def all(self) -> dict[tuple[str, str], Item]:
        with self._simulation.unrecorded():
            items = self._simulation.session.client("dynamodb").scan(TableName=self._table)["Items"]
        return {(item["pk"]["S"], item["sk"]["S"]): item for item in items}

    def change(self, key: Mapping[str, str], change: Callable[[Item], None]) -> None:
        item = self.all()[key["pk"], key["sk"]]
        change(item)
        self.put(item)

    def put(self, item: Item) -> None:
        with self._simulation.unrecorded():
            self._simulation.session.client("dynamodb").put_item(TableName=self._table, Item=item)


def as_newer(item: Item) -> None:
    """Make it one of a version that renamed what it could."""
    kept = {"pk", "sk", "schema", "incident"}
    for name in [name for name in item if name not in kept]:
        item[f"new_{name}"] = item.pop(name)
    item["schema"] = {"N": "2"}


def with_newer_finding(claim: Item) -> None:
    claim["unseen"] = {"M": {"of-a-newer-version-enforce": {"S": json.dumps({"schema": 2})}}}


def first_of(kind: str) -> Callable[[Scenario], Mapping[str, str]]:
    def found(scenario: Scenario) -> Mapping[str, str]:
        keys = [key for key in Records(scenario).all() if key[1].startswith(kind) and key[0].startswith("incident#")]
        return {"pk": keys[0][0], "sk": keys[0][1]}

    return found


def claim_of(_: Scenario) -> Mapping[str, str]:
    return claim_key(TARGET)


CASES: dict[str, tuple[Callable[[Scenario], Mapping[str, str]], Callable[[Item], None], str]] = {
    "claim": (claim_of, as_newer, f"the claim on {INSTANCE}"),
    "finding that waits": (
        claim_of,
        with_newer_finding,
        f"the finding of-a-newer-version-enforce in the claim on {INSTANCE}",
    ),
    "head": (first_of("head"), as_newer, "the head of inc-"),
    "finding": (first_of("finding#"), as_newer, "a finding of inc-"),
    "section": (first_of("baseline#isolate"), as_newer, "the section isolate of the baseline of inc-"),
    "step": (first_of("step#isolate"), as_newer, "the step isolate of inc-"),
    "timeline": (first_of("timeline#"), as_newer, "an entry of the timeline of inc-"),
}


def notices(scenario: Scenario) -> list[str]:
    return [each["Message"] for each in scenario.deployment.notifications() if "can't be read" in each["Subject"]]


@pytest.mark.parametrize("case", CASES)
def test_a_finding_that_meets_a_newer_record_stays_in_the_queue(
    new_scenario: NewScenario, written: io.StringIO, case: str
) -> None:
    where, change, title = CASES[case]
    scenario = new_scenario(instance())
    scenario.deliver(asff(C2))
    incident, records = scenario.incident.id, Records(scenario)
    key = where(scenario)
    records.change(key, change)
    before, world = records.all(), scenario.simulation.world()

    (handed,) = scenario.hand_over(asff(C2, finding="b" * 32))

    assert handed.delivered.dead_lettered
    assert handed.failure.startswith(title)
    sentence = "was written by a newer version of Cordon (schema 2, this one reads 1): deploy that version again"
    assert handed.failure.endswith(sentence)
    assert scenario.simulation.world() == world
    after = records.all()
    if case == "finding that waits":
        assert after[claim_key(TARGET)["pk"], "claim"]["unseen"] == before[claim_key(TARGET)["pk"], "claim"]["unseen"]
    assert after[key["pk"], key["sk"]] == before[key["pk"], key["sk"]]

    (notice,) = notices(scenario)
    assert sentence in notice
    assert INSTANCE in notice
    assert incident in notice
    entries = [item for name, item in after.items() if name not in before and name[1].startswith("timeline#")]
    assert [sentence in item["entries"]["S"] for item in entries] == [True]
    assert {item["pk"]["S"] for item in entries} == {f"incident#{incident}"}
    assert "token" not in after[claim_key(TARGET)["pk"], "claim"], "the lease is given back"
    lines = [line for line in map(json.loads, written.getvalue().splitlines()) if line["kind"] == "record"]
    assert {line["outcome"] for line in lines} == {"refused"}
    assert len(lines) == 5, "a line for each try"
    assert {line["incident"] for line in lines} == {incident}


@pytest.mark.parametrize("case", CASES)
def test_a_release_that_meets_a_newer_record_is_refused(new_scenario: NewScenario, case: str) -> None:
    where, change, title = CASES[case]
    scenario = new_scenario(instance())
    scenario.deliver(asff(C2))
    incident, records = scenario.incident.id, Records(scenario)
    key = where(scenario)
    records.change(key, change)
    before, world = records.all(), scenario.simulation.world()

    with pytest.raises(ReleaseError) as caught:
        scenario.deployment.release(incident, by="alice")

    assert str(caught.value).startswith(f"{incident} can't be released: {title}")
    assert scenario.simulation.world() == world
    after = records.all()
    assert {name: item for name, item in after.items() if name in before} == before
    (entry,) = [item for name, item in after.items() if name not in before]
    assert "deploy that version again" in entry["entries"]["S"]
    (notice,) = notices(scenario)
    assert incident in notice


def test_a_newer_finding_that_comes_while_the_host_is_put_back(
    new_scenario: NewScenario, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The host is put back by then: that it could not be recorded is said, and the next release records it."""
    scenario = new_scenario(instance())
    before = scenario.host()["enis"]
    scenario.deliver(asff(C2))
    incident, records = scenario.incident.id, Records(scenario)
    begin_release = Heads.begin_release

    def with_arrival(on: Heads, *given: Any) -> None:
        begin_release(on, *given)
        records.change(claim_key(TARGET), add_newer_finding)

    def add_newer_finding(claim: Item) -> None:
        claim["unseen"]["M"]["new-enforce"] = {"S": json.dumps({"schema": 2})}
        claim["arrivals"] = {"N": str(int(claim["arrivals"]["N"]) + 1)}

    monkeypatch.setattr(Heads, "begin_release", with_arrival)
    with pytest.raises(ReleaseError) as caught:
        scenario.deployment.release(incident, by="alice")
    assert str(caught.value).startswith("released by alice: ")
    assert "could not be recorded as released: the finding new-enforce in the claim" in str(caught.value)
    assert scenario.host()["enis"] == before
    assert scenario.incident.state == "releasing"
    assert len(notices(scenario)) == 1

    monkeypatch.undo()
    records.change(claim_key(TARGET), lambda claim: claim["unseen"]["M"].clear())
    assert scenario.deployment.release(incident, by="alice").state == "released"


def test_what_was_kept_is_acted_on_once_it_can_be_read_again(new_scenario: NewScenario) -> None:
    """As after that version is deployed again, and the dead letters are handed over anew."""
    scenario = new_scenario(instance())
    scenario.deliver(asff(C2))
    records, key = Records(scenario), first_of("step#isolate")(scenario)
    old = records.all()[key["pk"], key["sk"]]
    records.change(key, as_newer)
    scenario.hand_over(asff(C2, finding="b" * 32))
    records.put(old)
    (result,) = scenario.deliver(asff(C2, finding="b" * 32))
    assert result.outcome == "merged"
    assert any("deploy that version again" in text for _, text in scenario.incident.timeline)
    assert len(scenario.incident.findings) == 2


def test_a_broken_record_is_refused_in_one_sentence_too(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance())
    scenario.deliver(asff(C2))
    Records(scenario).change(first_of("step#isolate")(scenario), lambda item: item.pop("outcome"))
    (handed,) = scenario.hand_over(asff(C2, finding="b" * 32))
    assert handed.delivered.dead_lettered
    assert handed.failure.endswith("can't be read (KeyError('outcome'))")
    assert len(notices(scenario)) == 1


def test_the_other_hosts_of_a_finding_do_not_wait_for_the_one_with_the_newer_record() -> None:
    other = "i-0a1b2c3d4e5f60719"
    with open_scenario(policy(), instance(), instance(other)) as scenario:
        scenario.deliver(asff(C2))
        Records(scenario).change(claim_key(TARGET), as_newer)
        scenario.hand_over(asff(C2, finding="b" * 32, instances=[INSTANCE, other]))
        (second,) = [each for each in scenario.deployment.incidents() if each.target.instance == other]
        assert second.state == "contained"
        assert len(notices(scenario)) == 1


def test_a_newer_shared_resource_keeps_no_host_from_its_isolation() -> None:
    """The step that needs it fails, and the message stays: it is part of a containment that can't be finished yet."""
    others = "i-0a1b2c3d4e5f60719"
    profile = Profile("web-profile", "web")
    hosts = [instance(name, profile=profile) for name in (INSTANCE, others)]
    with open_scenario(policy("steps: {role_denial: {}}\n"), *hosts) as scenario:
        scenario.deliver(asff(C2, instances=[INSTANCE]))
        records, key = Records(scenario), shared_resource_key(ACCOUNT, "role#web")
        records.change(key, as_newer)
        before, role = records.all()[key["pk"], key["sk"]], scenario.simulation.world()["roles"]

        (handed,) = scenario.hand_over(asff(C2, finding="b" * 32, instances=[others]))

        assert handed.delivered.dead_lettered
        (incident,) = [each for each in scenario.deployment.incidents() if each.target.instance == others]
        steps = {step.name: step for step in incident.steps}
        assert steps["isolate"].outcome == "done"
        assert "deploy that version again" in steps["role_denial"].reason
        assert records.all()[key["pk"], key["sk"]] == before
        assert scenario.simulation.world()["roles"] == role
        told = [each for each in scenario.deployment.notifications() if others in each["Subject"]]
        assert len(told) == 1


def test_an_entry_is_added_to_an_incident_whose_head_is_newer(new_scenario: NewScenario) -> None:
    scenario = new_scenario(instance())
    scenario.deliver(asff(C2))
    incident = scenario.incident.id
    key = incident_key(incident, "head")
    Records(scenario).change(key, as_newer)
    scenario.hand_over(asff(C2, finding="b" * 32))
    entries = [item for name, item in Records(scenario).all().items() if name[1].startswith("timeline#")]
    assert all(item["schema"] == to_item({"schema": 1})["schema"] for item in entries)
    assert len(entries) == 2

# SPDX-License-Identifier: Apache-2.0
"""What is attached to the host later has a section of its own, is isolated too, and is put back with the rest."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from functions.containment.baseline import section_of
from functions.merge import keep_first
from functions.steps.network.isolate_return import RESTORED_UNKNOWN
from tests.conftest import NewScenario
from tests.finding.findings import asff
from tests.scenario import Scenario
from tests.steps.test_odd_answers import attach

DNS = "Trojan:EC2/DNSDataExfiltration"
"""Ends partial, so that a further finding looks at the host anew."""

SECTIONS = st.fixed_dictionaries(
    {},
    optional={
        "interfaces": st.dictionaries(st.sampled_from(["eni-1", "eni-2"]), st.just(["sg-1"])),
        "volumes": st.lists(st.sampled_from(["vol-1", "vol-2"]), unique=True),
        "vpc": st.sampled_from(["vpc-1", "vpc-2"]),
    },
)


@given(section=SECTIONS, addition=SECTIONS)
def test_what_was_written_first_always_stays(section: dict[str, Any], addition: dict[str, Any]) -> None:
    merged = keep_first(section, addition)
    assert set(merged) == set(section) | set(addition)
    for key, value in section.items():
        if isinstance(value, dict):
            assert value.items() <= merged[key].items()
        elif isinstance(value, list):
            assert merged[key][: len(value)] == value
        else:
            assert merged[key] == value
    assert keep_first(merged, addition) == merged


def test_a_step_without_a_section_has_none() -> None:
    assert section_of({"isolate#eni-1": {}, "isolated": {}}, "isolate") is None
    assert section_of({"isolate": {"a": {"x": 1}}, "isolate#b": {"a": {"y": 2}}}, "isolate") == {"a": {"x": 1, "y": 2}}


def groups(scenario: Scenario) -> dict[str, list[str]]:
    return {eni["id"]: eni["groups"] for eni in scenario.host()["enis"]}


def test_an_interface_attached_later_is_isolated_and_released(new_scenario: NewScenario) -> None:
    scenario = new_scenario()
    scenario.deliver(asff(DNS))
    (quarantine,) = {group for worn in groups(scenario).values() for group in worn}
    before = scenario.incident.baseline["isolate"]
    new = attach(scenario)
    app = scenario.group("app")
    assert groups(scenario)[new] == [app]
    scenario.deliver(asff(DNS, finding="b" * 32))
    assert set(map(tuple, groups(scenario).values())) == {(quarantine,)}
    incident = scenario.incident
    assert incident.baseline["isolate"] == before
    assert incident.baseline[f"isolate#{new}"] == {"interfaces": {new: [app]}}
    assert {step.outcome.value for step in incident.steps} == {"done", "skipped"}
    scenario.deployment.release(incident.id)
    assert set(map(tuple, groups(scenario).values())) == {(app,)}
    assert scenario.incident.state == "released"


def test_an_interface_attached_with_the_quarantine_group_on_is_named_at_release(new_scenario: NewScenario) -> None:
    """Kubernetes' network plug-in gives a new interface the groups of the first one."""
    scenario = new_scenario()
    scenario.deliver(asff(DNS))
    (quarantine,) = {group for worn in groups(scenario).values() for group in worn}
    new = attach(scenario)
    scenario.other_client().modify_network_interface_attribute(NetworkInterfaceId=new, Groups=[quarantine])
    scenario.deliver(asff(DNS, finding="b" * 32))
    scenario.deployment.release(scenario.incident.id)
    (item,) = [each for each in scenario.incident.release if not each.restored]
    assert (item.what, item.reason) == (f"groups of {new}", RESTORED_UNKNOWN)

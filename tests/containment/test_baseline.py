# SPDX-License-Identifier: Apache-2.0
"""What is attached to the host later has a section of its own, is isolated too, and is put back with the rest."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from functions.containment.baseline import merge, section_of
from functions.steps.isolate import RESTORED_UNKNOWN
from tests.conftest import Simulated
from tests.finding.findings import asff
from tests.stage import Stage
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


@given(section=SECTIONS, further=SECTIONS)
def test_what_was_written_first_always_stays(section: dict[str, Any], further: dict[str, Any]) -> None:
    merged = merge(section, further)
    assert set(merged) == set(section) | set(further)
    for key, value in section.items():
        if isinstance(value, dict):
            assert value.items() <= merged[key].items()
        elif isinstance(value, list):
            assert merged[key][: len(value)] == value
        else:
            assert merged[key] == value
    assert merge(merged, further) == merged


def test_a_step_without_a_section_has_none() -> None:
    assert section_of({"isolate#eni-1": {}, "isolated": {}}, "isolate") is None
    assert section_of({"isolate": {"a": {"x": 1}}, "isolate#b": {"a": {"y": 2}}}, "isolate") == {"a": {"x": 1, "y": 2}}


def groups(stage: Stage) -> dict[str, list[str]]:
    return {eni["id"]: eni["groups"] for eni in stage.host()["enis"]}


def test_an_interface_attached_later_is_isolated_and_released(simulated: Simulated) -> None:
    stage = simulated()
    stage.deliver(asff(DNS))
    (quarantine,) = {group for worn in groups(stage).values() for group in worn}
    before = stage.incident.baseline["isolate"]
    new = attach(stage)
    app = stage.group("app")
    assert groups(stage)[new] == [app]
    stage.deliver(asff(DNS, finding="b" * 32))
    assert set(map(tuple, groups(stage).values())) == {(quarantine,)}
    incident = stage.incident
    assert incident.baseline["isolate"] == before
    assert incident.baseline[f"isolate#{new}"] == {"interfaces": {new: [app]}}
    assert {step.outcome.value for step in incident.steps} == {"done", "skipped"}
    stage.deployment.release(incident.id)
    assert set(map(tuple, groups(stage).values())) == {(app,)}
    assert stage.incident.state == "released"


def test_an_interface_attached_with_the_quarantine_group_on_is_named_at_release(simulated: Simulated) -> None:
    """Kubernetes' network plug-in gives a new interface the groups of the first one."""
    stage = simulated()
    stage.deliver(asff(DNS))
    (quarantine,) = {group for worn in groups(stage).values() for group in worn}
    new = attach(stage)
    stage.visitor().modify_network_interface_attribute(NetworkInterfaceId=new, Groups=[quarantine])
    stage.deliver(asff(DNS, finding="b" * 32))
    stage.deployment.release(stage.incident.id)
    (item,) = [each for each in stage.incident.release if not each.restored]
    assert (item.what, item.reason) == (f"groups of {new}", RESTORED_UNKNOWN)

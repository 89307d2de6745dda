# SPDX-License-Identifier: Apache-2.0
"""Several findings on one host: one incident, the strictest counts, the clock runs once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from functions.containment.verdict import judge
from functions.incident.model import State, StepOutcome, StepResult
from functions.intake.result import Outcome
from functions.policy.model import Mode
from hub.simulation.run import time_to_contain_ms
from tests.conftest import NewScenario
from tests.containment.hosts import host, interface
from tests.finding.findings import asff, native, ocsf
from tests.intake.policies import C2, MINING, TOR, policy
from tests.results import step_result

ONE, TWO, THREE = "a" * 32, "b" * 32, "c" * 32


def test_a_stricter_later_finding_raises_the_response(new_scenario: NewScenario) -> None:
    scenario = new_scenario(bundle=policy())
    (observed,) = scenario.deliver(asff(TOR, finding=ONE))
    assert observed.outcome is Outcome.OBSERVED
    first = scenario.incident
    (asked,) = scenario.deliver(asff(MINING, finding=TWO))
    assert asked.outcome is Outcome.AWAITING_APPROVAL
    assert scenario.incident.rule == "mining"
    assert scenario.incident.baseline == {}
    (acted,) = scenario.deliver(asff(C2, finding=THREE))
    assert acted.outcome is Outcome.ACTED
    last = scenario.incident
    assert last.id == first.id
    assert (last.state, last.mode, last.rule) == (State.CONTAINED, Mode.ENFORCE, "command-and-control")
    assert len(last.findings) == 3
    assert set(last.types) == {TOR, MINING, C2}


@pytest.mark.parametrize("kind", [TOR, MINING])
def test_a_weaker_later_finding_merges_and_lowers_nothing(new_scenario: NewScenario, kind: str) -> None:
    scenario = new_scenario(bundle=policy())
    scenario.deliver(asff(C2, finding=ONE))
    before, world, calls = scenario.incident, scenario.simulation.world(), len(scenario.calls("CreateSnapshots"))
    (merged,) = scenario.deliver(asff(kind, finding=TWO))
    assert merged.outcome is Outcome.MERGED
    after = scenario.incident
    assert (after.state, after.mode, after.rule, after.steps) == (before.state, before.mode, before.rule, before.steps)
    assert after.baseline == before.baseline
    assert len(after.findings) == 2
    assert scenario.simulation.world() == world
    assert len(scenario.calls("CreateSnapshots")) == calls == 1


def test_both_hubs_and_guardduty_itself_make_one_incident(new_scenario: NewScenario) -> None:
    scenario = new_scenario()
    results = scenario.deliver(asff(), ocsf(), native())
    assert [each.outcome for each in results] == [Outcome.ACTED, Outcome.DUPLICATE, Outcome.DUPLICATE]
    assert len(scenario.simulation.world()["snapshots"]) == 1
    assert len(scenario.incident.findings) == 1


def test_an_update_of_a_finding_on_a_contained_host_changes_nothing(new_scenario: NewScenario) -> None:
    scenario = new_scenario()
    scenario.deliver(asff())
    world = scenario.simulation.world()
    (merged,) = scenario.deliver(asff(UpdatedAt="2026-03-02T10:42:00.000Z"))
    (late,) = scenario.deliver(asff(UpdatedAt="2026-03-02T10:30:00.000Z"))
    assert (merged.outcome, late.outcome) == (Outcome.MERGED, Outcome.DUPLICATE)
    assert scenario.simulation.world() == world


def test_cordons_own_update_of_a_finding_is_recognised(new_scenario: NewScenario) -> None:
    scenario = new_scenario()
    scenario.deliver(asff())
    own = asff(Note={"Text": "contained", "UpdatedBy": "cordon", "UpdatedAt": "2026-03-02T10:28:00.000Z"})
    (result,) = scenario.deliver(own)
    assert result.outcome is Outcome.DUPLICATE
    assert "Cordon's own update" in result.reason


def test_a_sample_is_planned_and_never_enforced(new_scenario: NewScenario) -> None:
    scenario = new_scenario()
    world = scenario.simulation.world()
    (result,) = scenario.deliver(asff(Sample=True))
    assert result.outcome is Outcome.OBSERVED
    assert "sample" in result.reason
    assert scenario.simulation.world() == world
    assert [call.operation for call in scenario.incident.plan].count("ModifyNetworkInterfaceAttribute") == 1
    assert {step.outcome for step in scenario.incident.steps} == {StepOutcome.PLANNED}


@pytest.mark.parametrize("changes", [{"RecordState": "ARCHIVED"}, {}])
def test_an_archived_finding_never_acts(new_scenario: NewScenario, changes: dict[str, str]) -> None:
    scenario = new_scenario()
    found = asff(**changes)
    if not changes:
        found = native()
        found["service"]["archived"] = True
    (result,) = scenario.deliver(found)
    assert result.outcome is Outcome.IGNORED
    assert "archived" in result.reason
    assert not [call for call in scenario.calls() if call["service"] in {"sts", "ec2"}]


@pytest.mark.parametrize("status", ["SUPPRESSED", "RESOLVED"])
@pytest.mark.parametrize(("kind", "outcome"), [(C2, Outcome.AWAITING_APPROVAL), (MINING, Outcome.IGNORED)])
def test_a_withdrawn_finding_asks_where_a_rule_would_enforce(
    new_scenario: NewScenario, status: str, kind: str, outcome: Outcome
) -> None:
    scenario = new_scenario(bundle=policy())
    world = scenario.simulation.world()
    (result,) = scenario.deliver(asff(kind, Workflow={"Status": status}))
    assert result.outcome is outcome
    assert status.lower() in result.reason
    assert scenario.simulation.world() == world


def test_a_later_finding_does_not_begin_the_clock_anew(new_scenario: NewScenario) -> None:
    """DNS exfiltration stays partial, so each further finding has another attempt; isolated it was at the first."""
    scenario = new_scenario()
    scenario.deliver(asff("Trojan:EC2/DNSDataExfiltration", finding=ONE))
    first = scenario.incident
    assert first.state is State.PARTIAL
    assert "dns" in first.residual_risk
    scenario.simulation.clock.sleep(600)
    scenario.deliver(asff(finding=TWO))
    last = scenario.incident
    taken = time_to_contain_ms(last)
    assert taken is not None
    assert taken >= 0
    for name in ("received", "claimed", "isolated"):
        assert last.clocks[name] == first.clocks[name]


def test_the_clock_begins_with_the_finding_that_raised_the_response(new_scenario: NewScenario) -> None:
    scenario = new_scenario(bundle=policy())
    scenario.deliver(asff(TOR, finding=ONE))
    scenario.simulation.clock.sleep(3600)
    scenario.deliver(asff(C2, finding=TWO))
    taken = time_to_contain_ms(scenario.incident)
    assert taken is not None
    assert timedelta(milliseconds=taken) < timedelta(minutes=1)


def test_without_isolation_nothing_is_called_isolated(new_scenario: NewScenario) -> None:
    scenario = new_scenario(bundle=policy("steps: {isolate: {enabled: false}, protect: {}, snapshot: {}, tags: {}}\n"))
    groups = [eni["groups"] for eni in scenario.host()["enis"]]
    (result,) = scenario.deliver(asff(C2))
    assert result.outcome is Outcome.ACTED
    assert scenario.incident.state is State.PARTIAL
    assert scenario.incident.reason == "not isolated: switched off by policy"
    assert "network" in scenario.incident.residual_risk
    assert "isolated" not in scenario.incident.clocks
    assert [eni["groups"] for eni in scenario.host()["enis"]] == groups
    assert not scenario.calls("CreateSecurityGroup", "ModifyNetworkInterfaceAttribute")


def result(outcome: StepOutcome, *, swapped: tuple[str, ...] = (), verified: tuple[str, ...] = ()) -> StepResult:
    receipt = {"group": "sg-1", "swapped": list(swapped), "verified": list(verified)}
    return step_result("isolate", outcome, "why", None, (), receipt)


DONE, FAILED, SKIPPED = StepOutcome.DONE, StepOutcome.FAILED, StepOutcome.SKIPPED
BOTH = ("eni-1", "eni-2")
GOOD = result(DONE, swapped=BOTH, verified=BOTH)
VERDICTS = {
    "all isolated": ((GOOD,), (), BOTH, State.CONTAINED, False),
    "another step failed": ((GOOD, step_result("protect", FAILED, "no")), (), BOTH, State.PARTIAL, False),
    "another step skipped": ((GOOD, step_result("protect", SKIPPED)), (), BOTH, State.CONTAINED, False),
    "its channel is DNS": ((GOOD,), ("Trojan:EC2/DNSDataExfiltration",), BOTH, State.PARTIAL, False),
    "one of two": ((result(FAILED, swapped=("eni-1",), verified=("eni-1",)),), (), BOTH, State.PARTIAL, True),
    "not read back": ((result(FAILED, swapped=BOTH),), (), BOTH, State.PARTIAL, True),
    "none": ((result(FAILED),), (), BOTH, State.FAILED, True),
    "switched off": ((step_result("isolate", SKIPPED, "switched off by policy"),), (), BOTH, State.PARTIAL, True),
    "no interface": ((step_result("isolate", SKIPPED, "the host has no interface"),), (), (), State.PARTIAL, True),
    "nothing at all": ((), (), BOTH, State.PARTIAL, True),
}


@pytest.mark.parametrize("case", VERDICTS)
def test_verdict(case: str) -> None:
    results, types, interfaces, state, open_interfaces = VERDICTS[case]
    verdict = judge(results, types, host(interfaces=tuple(map(interface, interfaces))))
    assert verdict.state is state
    assert bool({"interfaces", "network"}.intersection(verdict.residual_risk)) == open_interfaces
    if case in {"switched off", "no interface"}:
        assert verdict.reason == f"not isolated: {results[0].reason}"

# SPDX-License-Identifier: Apache-2.0
"""The fault matrix: every AWS call of every scenario, every fault, and what became of it in a word.

``golden/calls.json`` lists the calls of each scenario (``UPDATE_GOLDEN=1`` writes it anew); ``make faults`` runs all
cases and writes docs/reference/faults.md from their cells.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from hub.simulation.faults import Fault
from hub.simulation.run import Ended
from tests.faults.scenarios import SCENARIOS, bystanders, contained, effects
from tests.faults.walk import told

GOLDEN = Path(__file__).parent / "golden" / "calls.json"
CELLS = Path(__file__).parents[2] / "build" / "faults"

ALWAYS = None
FAULTS: dict[str, tuple[str, int | None]] = {
    # what happens -> (fault, how many attempts meet it)
    "throttled": ("RequestLimitExceeded", 1),
    "server error": ("InternalError", 1),
    "denied": ("AccessDenied", ALWAYS),
    "time-out before": ("timeout-before", 1),
    "time-out after": ("timeout-after", 1),
    "crash before": ("crash-before", 1),
    "crash after": ("crash-after", 1),
}


@dataclass(frozen=True)
class Case:
    """One fault at one call: the ``number``-th of its operation, counted from 0."""

    scenario: str
    operation: str
    number: int
    fault: str

    @property
    def name(self) -> str:
        return f"{self.scenario}: {self.operation} #{self.number + 1} {self.fault}"

    @property
    def injected(self) -> Fault:
        what, times = FAULTS[self.fault]
        service, _, called = self.operation.partition(":")
        return Fault(service, called, what, times, skip=0 if times is ALWAYS else self.number)


def calls() -> dict[str, dict[str, int]]:
    """Return the calls of each scenario, by operation."""
    found: dict[str, dict[str, int]] = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    return found


def counted(ended: Ended) -> dict[str, int]:
    """Count the calls of a process's start and of the containment."""
    made = Counter(f"{call['service']}:{call['operation']}" for call in ended.calls)
    return dict(sorted(made.items()))


def cases() -> Iterator[Case]:
    for scenario, made in calls().items():
        for operation, count in made.items():
            for fault, (_, times) in FAULTS.items():
                # A denial meets every call of its operation: one case is all there is.
                for number in range(1 if times is ALWAYS else count):
                    yield Case(scenario, operation, number, fault)


@cache
def undisturbed(scenario: str) -> dict[str, Any]:
    """Return the effects of the scenario when nothing goes wrong."""
    return effects(contained(SCENARIOS[scenario]).world)


def judged(case: Case) -> str:
    """Run a case and return what became of it; fail where something is wrong that no word may explain."""
    ended = contained(SCENARIOS[case.scenario], case.injected)
    assert any(call["fault"] == FAULTS[case.fault][0] for call in ended.calls), "the fault was never met"
    assert bystanders(ended.world) == bystanders(ended.world_before), "a bystander was touched"
    for incident in ended.incidents:
        if "isolate" in incident.baseline:
            before = next(each for each in ended.world_before["instances"] if each["id"] == incident.target.instance)
            found = {eni["id"]: sorted(eni["groups"]) for eni in before["enis"]}
            kept = {eni: sorted(worn) for eni, worn in incident.baseline["isolate"]["interfaces"].items()}
            assert kept == found, "the baseline is not what was there before"
    same = effects(ended.world) == undisturbed(case.scenario)
    states = [incident.state.value for incident in ended.incidents]
    if same and states == ["contained"]:
        return "contained"
    if case.fault != "denied":
        assert same, f"{case.fault} left a gap: {effects(ended.world)}; {told(ended)}"
    operation = case.operation.partition(":")[2]
    assert operation in told(ended), f"the gap isn't named: {told(ended)}"
    if not states or effects(ended.world) == effects(ended.world_before):
        return "nothing done, named"
    isolated = effects(ended.world)["isolated"]
    return f"{states[0]}, {'isolated' if isolated else 'not isolated'}, named"


def keep(case: Case, word: str) -> None:
    """Keep a cell for the page."""
    CELLS.mkdir(parents=True, exist_ok=True)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with (CELLS / f"{worker}.jsonl").open("a") as file:
        file.write(json.dumps([case.scenario, case.operation, case.number, case.fault, word]) + "\n")

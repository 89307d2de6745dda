# SPDX-License-Identifier: Apache-2.0
"""The fault matrix: every AWS call of every scenario, every fault, and what became of it in a word.

``golden/calls.json`` lists the calls of each scenario's containment and release (``UPDATE_GOLDEN=1`` writes it anew);
``make faults`` runs all cases and writes docs/reference/faults.md from their cells.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from functions.aws.errors import AwsError
from functions.incident.model import Incident, State
from functions.release.release import ReleaseError
from hub.simulation.deployment import Deployment
from hub.simulation.errors import Crash
from hub.simulation.faults import Fault
from hub.simulation.run import SimulationResult, deployed
from tests.faults.scenarios import EVENT, SCENARIOS, as_it_began, bystanders, contained, effects, request
from tests.faults.walk import told

GOLDEN = Path(__file__).parent / "golden" / "calls.json"
CELLS = Path(__file__).parents[2] / "build" / "faults"

CONTAINMENT, RELEASE = "containment", "release"
ALWAYS = None
AGAIN = "crash after"
"""The fault for calls that an earlier scenario has met all of: what is done, but not known, differs most."""
FAULTS: Mapping[str, Mapping[str, tuple[str, int | None]]] = {
    # what happens -> (fault, how many attempts meet it)
    CONTAINMENT: {
        "throttled": ("RequestLimitExceeded", 1),
        "server error": ("InternalError", 1),
        "denied": ("AccessDenied", ALWAYS),
        "time-out before": ("timeout-before", 1),
        "time-out after": ("timeout-after", 1),
        "crash before": ("crash-before", 1),
        AGAIN: ("crash-after", 1),
    },
    RELEASE: {
        "throttled": ("RequestLimitExceeded", 1),
        "denied once": ("AccessDenied", 1),
        "time-out after": ("timeout-after", 1),
        "crash before": ("crash-before", 1),
        AGAIN: ("crash-after", 1),
    },
}
ALWAYS_LEFT = {"profile"}
"""Steps whose work a release leaves to a person when nothing goes wrong, too."""
_LEASE_SECONDS = 100


class Case(NamedTuple):
    """One fault at one call: the ``number``-th of its operation, counted from 0."""

    half: str
    scenario: str
    operation: str
    number: int
    fault: str

    @property
    def name(self) -> str:
        return f"{self.half}, {self.scenario}: {self.operation} #{self.number + 1} {self.fault}"

    @property
    def what(self) -> str:
        return FAULTS[self.half][self.fault][0]

    @property
    def injected(self) -> Fault:
        what, times = FAULTS[self.half][self.fault]
        service, _, called = self.operation.partition(":")
        return Fault(service, called, what, times, skip=0 if times is ALWAYS else self.number)


@dataclass(frozen=True)
class Cell:
    """A case that was run, and what became of it."""

    case: Case
    word: str


def calls(half: str) -> dict[str, dict[str, int]]:
    """Return the calls of each scenario, by operation."""
    found: dict[str, dict[str, dict[str, int]]] = json.loads(GOLDEN.read_text())
    return found[half]


def counted(made: Iterable[Mapping[str, Any]]) -> dict[str, int]:
    return dict(sorted(Counter(f"{call['service']}:{call['operation']}" for call in made).items()))


def cases() -> Iterator[Case]:
    """Every call of the first scenario; of the others what they make more or less often, and ``AGAIN`` of the rest."""
    for half, faults in FAULTS.items():
        walked: set[tuple[str, int]] = set()
        for scenario, made in calls(half).items():
            for operation, count in made.items():
                for fault, (_, times) in faults.items():
                    if (operation, count) in walked and fault != AGAIN:
                        continue
                    # A denial meets every call of its operation: one case is all there is.
                    for number in range(1 if times is ALWAYS else count):
                        yield Case(half, scenario, operation, number, fault)
            walked |= set(made.items())


@cache
def undisturbed(scenario: str) -> dict[str, Any]:
    """Return the effects of the scenario when nothing goes wrong."""
    return effects(contained(SCENARIOS[scenario]).world)


def judged(case: Case) -> str:
    """Run a case and return what became of it; fail where something is wrong that no word may explain."""
    return _contained(case) if case.half == CONTAINMENT else _released(case)


def _contained(case: Case) -> str:
    ended = contained(SCENARIOS[case.scenario], case.injected)
    assert any(call["fault"] == case.what for call in ended.calls), "the fault was never met"
    assert bystanders(ended.world) == bystanders(ended.world_before), "a bystander was touched"
    _baseline_holds(ended)
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


def _baseline_holds(ended: SimulationResult) -> None:
    for incident in ended.incidents:
        if "isolate" in incident.baseline:
            before = next(each for each in ended.world_before["instances"] if each["id"] == incident.target.instance)
            found = {eni["id"]: sorted(eni["groups"]) for eni in before["enis"]}
            kept = {eni: sorted(worn) for eni, worn in incident.baseline["isolate"]["interfaces"].items()}
            assert kept == found, "the baseline is not what was there before"


def _released(case: Case) -> str:
    with deployed(request(SCENARIOS[case.scenario])) as deployment:
        simulation = deployment.simulation
        before = simulation.world()
        incident = held(deployment)
        simulation.inject([case.injected])
        made = len(simulation.calls)
        record, why = _try(deployment, incident)
        again = record.state is not State.RELEASED
        if again:
            assert why or case.operation.partition(":")[2] in record.reason, f"the gap isn't named: {record.reason}"
            simulation.clock.sleep(_LEASE_SECONDS)
            record, why = _try(deployment, incident)
        assert any(call["fault"] == case.what for call in simulation.calls[made:]), "the fault was never met"
        assert record.state is State.RELEASED, why or record.reason
        after = simulation.world()
        left = [item for item in record.release if not item.restored]
        assert all(item.command for item in left), "what is left to a person has no command"
        assert bystanders(after) == bystanders(before), "a bystander was touched"
        by_person = {item.step for item in left}
        assert as_it_began(after, but=by_person) == as_it_began(before, but=by_person), record.reason
        if by_person - ALWAYS_LEFT:
            return "released, what is left is named with the command for it"
        return "released when run again" if again else "released"


def held(deployment: Deployment) -> str:
    """Contain the scenario's host and return the incident."""
    deployment.warm_up()
    deployment.deliver([EVENT])
    [incident] = deployment.incidents()
    assert incident.state is State.CONTAINED
    return incident.id


def _try(deployment: Deployment, incident: str) -> tuple[Incident, str]:
    """Run a release; return the record and, where it didn't get to its end, why."""
    why = ""
    try:
        deployment.release(incident)
    except (Crash, ReleaseError, *AwsError) as error:
        why = str(error)
    [record] = deployment.incidents()
    return record, why


def keep(cell: Cell) -> None:
    """Keep a cell for the page."""
    CELLS.mkdir(parents=True, exist_ok=True)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    with (CELLS / f"{worker}.jsonl").open("a") as file:
        file.write(json.dumps([*cell.case, cell.word]) + "\n")


def kept() -> list[Cell]:
    """Return the cells of every worker."""
    rows = [json.loads(line) for file in sorted(CELLS.glob("*.jsonl")) for line in file.read_text().splitlines()]
    return [Cell(Case(*row[:-1]), row[-1]) for row in rows]

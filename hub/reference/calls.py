# SPDX-License-Identifier: Apache-2.0
"""How many calls a containment and a release take, with each step and option by itself: measured in the simulation.

``python -m hub.reference.calls`` measures anew and writes ``calls.json``, which the page of the steps is made with. A
figure is what the option adds on the same host, whose quarantine group is there already; every HTTP attempt counts,
those to the hub's own table and buckets too.
"""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import Any

from functions.incident.model import Incident, StepOutcome
from functions.steps.registry import STEPS
from hub.demo.scenarios import API, SCENARIOS
from hub.policy.compile import compile_config
from hub.policy.options import Steps
from hub.reference.rows import HOSTS, PLAIN_STEPS, ROWS, USERS, Row
from hub.simulation.deployment import Deployment
from hub.simulation.events import SourceEvent
from hub.simulation.round_trips import round_trips_to_isolated
from hub.simulation.run import SimulationRequest, deployed
from hub.simulation.world_spec import AccountSpec, Instance, OrganizationSpec, WorldSpec

FILE = Path(__file__).with_name("calls.json")
LATENCY_MS = 100
"""Enough that a busy machine makes no round trip out of what runs side by side."""
NEIGHBOUR = "i-0aaaaaaaaaaaaaaa1"
"""Contained first, so that the VPC's quarantine group is made when the host's turn comes."""

_TYPE = "Backdoor:EC2/C&CActivity.B!DNS"


class UnmeasuredError(Exception):
    """What was to be measured did not take place."""


@dataclass(frozen=True, slots=True)
class Figures:
    """Calls by ``service:Operation``, and the round trips until the host is isolated."""

    contain: Mapping[str, int]
    release: Mapping[str, int]
    round_trips: int

    def beyond(self, plain: Figures) -> Figures:
        """Return what this takes beyond a plain containment; the round trips stay whole."""
        return Figures(
            _difference(self.contain, plain.contain), _difference(self.release, plain.release), self.round_trips
        )

    def to_json(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "contain": dict(sorted(self.contain.items())),
            "release": dict(sorted(self.release.items())),
            "round_trips": self.round_trips,
        }


@cache
def plain(host: str = "a host", latency_ms: int = LATENCY_MS) -> Figures:
    """Measure a containment with the steps that every host has a use for; round trips take latency."""
    return _measured(PLAIN_STEPS, HOSTS[host], "isolate", latency_ms)


def measure(row: Row, latency_ms: int = LATENCY_MS) -> Figures:
    """Measure what a step or option takes beyond a plain containment of the same host."""
    return _measured(row.steps, HOSTS[row.host], row.step, latency_ms).beyond(plain(row.host, latency_ms))


def without(step: str) -> Figures:
    """Measure what one of the plain steps has in a plain containment."""
    rest = {name: options for name, options in PLAIN_STEPS.items() if name != step}
    return plain().beyond(_measured(rest, HOSTS["a host"], "", LATENCY_MS))


def read() -> dict[str, Any]:
    """Return the figures that were written."""
    found: dict[str, Any] = json.loads(FILE.read_text(encoding="utf-8"))
    return found


def main() -> None:
    """Measure everything and write the file."""
    known = {step.name for step in STEPS}
    rows = [row for row in ROWS if row.step in known]
    with ProcessPoolExecutor(4) as pool:  # a process can run only one simulation
        whole = pool.submit(plain)
        plains, options = pool.map(without, PLAIN_STEPS), pool.map(measure, rows)
        names = ("a plain containment", *PLAIN_STEPS, *(row.name for row in rows))
        measured = (whole.result(), *plains, *options)
    figures = {name: each.to_json() for name, each in zip(names, measured, strict=True)}
    FILE.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


def _measured(steps: Mapping[str, Any], hosts: Sequence[Instance], step: str, latency_ms: int) -> Figures:
    neighbour = Instance(NEIGHBOUR, API.account, API.region)
    spec = WorldSpec(
        organization=OrganizationSpec(identity_role=True),
        accounts={API.account: AccountSpec("payments")},
        instances=(neighbour, *hosts),
        users=USERS,
    )
    request = SimulationRequest(events=(), bundle=_bundle(steps), world=spec, latency_ms=latency_ms)
    with deployed(request) as deployment:
        deployment.warm_up()
        deployment.deliver([_event(NEIGHBOUR)])
        for earlier in deployment.incidents():  # what it shares with the host is the host's alone then
            deployment.release(earlier.id)
        before = len(deployment.simulation.calls)
        deployment.deliver([_event(API.instance)])
        incident = _incident(deployment, step)
        contained = deployment.simulation.calls
        deployment.release(incident.id)
        groups = {str(result.receipt["group"]) for result in incident.steps if result.receipt.get("group")}
        return Figures(
            contain=_counted(contained[before:]),
            release=_counted(deployment.simulation.calls[len(contained) :]),
            round_trips=round_trips_to_isolated(contained, incident.id, groups) or 0,
        )


def _bundle(steps: Mapping[str, Any]) -> bytes:
    lock = {
        "organization": "o-exampleorgid",
        "hub": "111111111111",
        "accounts": {API.account: {"name": "payments", "ou": "/"}},
    }
    policy = {
        "version": 1,
        "mode": "enforce",
        "steps": {**{each.name: {"enabled": each.name in steps} for each in fields(Steps)}, **steps},
        "rules": {"command-and-control": {"match": {"types": [_TYPE]}}},
    }
    with tempfile.TemporaryDirectory() as directory:
        root = Path(directory)
        (root / "organization.lock.json").write_text(json.dumps(lock), encoding="utf-8")
        (root / "organization.yaml").write_text(json.dumps(policy), encoding="utf-8")
        return compile_config(root).data


def _event(instance: str) -> SourceEvent:
    """Return the demonstration's first finding, of any instance; the finding's own id follows the instance's."""
    (event,) = SCENARIOS[0].handovers[0].events()
    text = event.text.replace(API.instance, instance)
    kept = json.loads(text)
    finding = kept["detail"]["findings"][0]
    finding["Id"] = finding["Id"][: -len(instance)] + instance.replace("i-", "00")
    return SourceEvent.of(event.file, 0, kept)


def _incident(deployment: Deployment, step: str) -> Incident:
    (incident,) = [each for each in deployment.incidents() if each.target == API]
    outcomes = {result.name: (result.outcome, result.reason) for result in incident.steps}
    if step and outcomes.get(step, (None,))[0] is not StepOutcome.DONE:
        raise UnmeasuredError(f"{step}: {outcomes.get(step)}; {incident.state.value}: {incident.reason}")
    return incident


def _counted(calls: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    return dict(Counter(f"{call['service']}:{call['operation']}" for call in calls))


def _difference(more: Mapping[str, int], less: Mapping[str, int]) -> dict[str, int]:
    names = {*more, *less}
    found = {name: more.get(name, 0) - less.get(name, 0) for name in names}
    return {name: number for name, number in found.items() if number}


if __name__ == "__main__":
    main()

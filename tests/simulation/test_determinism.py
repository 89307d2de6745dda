# SPDX-License-Identifier: Apache-2.0
"""The same input gives the same document, byte for byte, in every process; and the figures hold for every seed."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from hub.simulation.events import load, targets_named
from hub.simulation.run import SimulationRequest, run
from hub.simulation.world_spec import WorldSpec
from tests.scenario import NOW

ROOT = Path(__file__).parents[2]
FINDING = "hub/demo/findings/command-and-control.json"
OPTIONS = [
    *("--parallel", "4", "--latency-ms", "20", "--then-release"),
    *("--fault", "ec2:CreateSecurityGroup=timeout-after", "--fault", "sts:AssumeRole=crash-after"),
]


def printed(hash_seed: str) -> bytes:
    command = [sys.executable, "-c", "from hub.cli.main import main; main()", "simulate", FINDING, "--json"]
    command += ["--now", "2026-03-02T10:28:00Z", "--seed", "7", *OPTIONS]
    environ = {**os.environ, "PYTHONHASHSEED": hash_seed}
    return subprocess.run(command, cwd=ROOT, env=environ, capture_output=True, check=True).stdout


def test_two_processes_print_the_same_bytes() -> None:
    assert printed("1") == printed("2")


def figures(bundle: bytes, seed: int, **how: Any) -> tuple[Any, ...]:
    events = load([str(ROOT / FINDING)])
    world = WorldSpec.from_targets(targets_named(events)[0], "/Workloads/Prod")
    (incident,) = run(SimulationRequest(events, bundle, world, now=NOW, seed=seed, **how)).document()["incidents"]
    return incident["state"], incident["round_trips_to_isolated"], incident["time_to_contain_ms"]


def test_figures_are_the_same_for_every_seed(bundle: bytes) -> None:
    assert {figures(bundle, seed, latency_ms=50) for seed in range(4)} == {("contained", 6, 401)}


def test_latency_costs_no_time_of_the_machine(bundle: bytes) -> None:
    began = time.monotonic()
    figures(bundle, 0, latency_ms=60_000)
    assert time.monotonic() - began < 30


def test_a_seed_decides_ids(bundle: bytes) -> None:
    assert len({tuple(ids(bundle, seed)) for seed in (1, 2, 1)}) == 2


def ids(bundle: bytes, seed: int) -> list[str]:
    events = load([str(ROOT / FINDING)])
    world = WorldSpec.from_targets(targets_named(events)[0], "/Workloads/Prod")
    return [each.id for each in run(SimulationRequest(events, bundle, world, now=NOW, seed=seed)).incidents]

# SPDX-License-Identifier: Apache-2.0
"""The results that the demonstration must have: checked every time, read from the simulated cloud where possible."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from functions.finding.model import Target
from functions.incident.model import Incident, State
from hub.demo.demonstration import Demonstration, ScenarioResult, World
from hub.demo.scenarios import API, RELEASE

_MOST_ROUND_TRIPS = 7
"""For a member of a scaling group, with a quarantine group that is still to be made: as in a VPC's first incident."""

_GROUP, _ROLE = "payments-api", "payments-api"
"""Scaling group and target group of the first host, and its role."""


@dataclass(frozen=True, slots=True)
class Check:
    """A result that must be; ``found`` is what was there instead."""

    scenario: str
    what: str
    passed: bool
    found: str = ""


def check_scenario(result: ScenarioResult) -> list[Check]:
    """Return the checks of one scenario."""
    return list(_CHECKS[result.scenario.name](result))


def check_release(demonstration: Demonstration, incident: Incident | None, round_trips: int | None) -> list[Check]:
    """Return the checks of the release, and of the way to the isolation."""
    state = incident.state.value if incident else demonstration.refused or "no incident"
    before, after = _host(demonstration.before, API), _host(demonstration.released or {}, API)
    kept = len(_snapshots(demonstration.released or {}, API))
    return [
        Check(RELEASE, "the incident is released", state == State.RELEASED.value, state),
        Check(RELEASE, "the host is as it was before", bool(before) and before == after, _difference(before, after)),
        Check(
            RELEASE,
            "it is in its scaling group and target group again, and its role is not denied",
            _serves_again(demonstration.before, demonstration.released or {})
            and not _denied(demonstration.released or {}),
            f"{_service(demonstration.released or {})}, {_denied(demonstration.released or {})}",
        ),
        Check(RELEASE, "the evidence is kept", kept == len(before.get("volumes", ())), f"{kept} snapshots"),
        Check(
            RELEASE,
            f"it took at most {_MOST_ROUND_TRIPS} round trips to isolate the host",
            round_trips is not None and round_trips <= _MOST_ROUND_TRIPS,
            f"{round_trips}",
        ),
    ]


def _contain(result: ScenarioResult) -> Iterator[Check]:
    yield _ended(result, {"acted"})
    states = [incident.state.value for incident in result.of(API)]
    yield _check(result, "the host has one incident, and it is contained", states == ["contained"], ", ".join(states))
    host, groups = _host(result.after, API), {group["id"]: group for group in result.after.get("security_groups", ())}
    worn = {group for eni in host.get("enis", ()) for group in eni["groups"]}
    closed = len(worn) == 1 and not groups[next(iter(worn))]["egress"] and not worn & _worn(result.before)
    yield _check(result, "both interfaces wear one new group without outbound rules", closed, ", ".join(sorted(worn)))
    yield from _out_of_service(result)
    denied = _denied(result.after)
    yield _check(
        result,
        "its role is denied, for this host alone",
        list(denied) == [_ROLE] and denied[_ROLE] == {API.arn},
        str(denied),
    )
    yield _one_set(result)
    protected = bool(host.get("termination_protection") and host.get("stop_protection"))
    yield _check(result, "the host can't be terminated or stopped", protected)


def _out_of_service(result: ScenarioResult) -> Iterator[Check]:
    members, targets = _service(result.after)
    before, _ = _service(result.before)
    out, others = members.pop(API.instance, "gone"), set(before) - {API.instance}
    serving = others and all(members.get(each) == "InService" and targets.get(each) == "healthy" for each in others)
    yield _check(
        result,
        "it has left its scaling group, the others still serve",
        out == "Standby" and serving,
        out,
    )
    there = targets.get(API.instance, "none")
    yield _check(result, "no load balancer sends it anything", there in {"none", "draining"}, there)


def _approve(result: ScenarioResult) -> Iterator[Check]:
    yield _ended(result, {"awaiting-approval"})
    planned = any(incident.plan for incident in result.of(result.scenario.host))
    yield _check(result, "there is a plan to approve", planned)
    yield _untouched(result)


def _rejected(result: ScenarioResult) -> Iterator[Check]:
    yield _ended(result, {"rejected"})
    yield _check(result, "no incident was opened", not result.of(result.scenario.host))
    yield _untouched(result)


def _storm(result: ScenarioResult) -> Iterator[Check]:
    yield _ended(result, {"duplicate", "merged"})
    number = len(result.of(API))
    yield _check(result, "the host still has one incident", number == 1, f"{number} incidents")
    yield _one_set(result)
    yield _untouched(result)


def _sample(result: ScenarioResult) -> Iterator[Check]:
    yield _ended(result, {"observed"})
    yield _untouched(result)


_CHECKS: Mapping[str, Callable[[ScenarioResult], Iterator[Check]]] = {
    "contain": _contain,
    "approve": _approve,
    "forged": _rejected,
    "storm": _storm,
    "sample": _sample,
}


def _check(result: ScenarioResult, what: str, passed: object, found: str = "") -> Check:
    return Check(result.scenario.name, what, bool(passed), found)


def _ended(result: ScenarioResult, expected: set[str]) -> Check:
    what = f"every delivery ended as {' or '.join(sorted(expected))}"
    return _check(result, what, set(result.outcomes) <= expected, ", ".join(sorted(set(result.outcomes))))


def _untouched(result: ScenarioResult) -> Check:
    return _check(result, "nothing in any account was changed", result.before == result.after)


def _one_set(result: ScenarioResult) -> Check:
    volumes = sorted(volume["id"] for volume in _host(result.after, API).get("volumes", ()))
    snapshots = sorted(each["volume"] for each in _snapshots(result.after, API))
    return _check(
        result,
        "there is one set of snapshots, one for each volume",
        volumes == snapshots,
        f"{len(snapshots)} snapshots",
    )


def _host(world: World, host: Target) -> Mapping[str, Any]:
    place = (host.account, host.region, host.instance)
    instances = world.get("instances", ())
    return next((each for each in instances if (each["account"], each["region"], each["id"]) == place), {})


def _snapshots(world: World, host: Target) -> list[Mapping[str, Any]]:
    return [each for each in world.get("snapshots", ()) if each["account"] == host.account]


def _service(world: World) -> tuple[dict[str, str], dict[str, str]]:
    """Return the states of the members of the host's scaling group, and of the targets of its target group."""
    groups = [each for each in world.get("scaling_groups", ()) if each["name"] == _GROUP]
    targets = [each for each in world.get("target_groups", ()) if each["name"] == _GROUP]
    return (
        {member["id"]: member["lifecycle"] for group in groups for member in group["instances"]},
        {target["id"]: target["state"] for group in targets for target in group["targets"]},
    )


def _serves_again(before: World, after: World) -> bool:
    """Tell whether everything is in service again; the host's replacement stays, and is one more."""
    pairs = zip(_service(before), _service(after), strict=True)
    return all(was and was.items() <= now.items() for was, now in pairs)


def _denied(world: World) -> dict[str, set[str]]:
    """Return the instances, by ARN, that the denial is for, by the role to which it is attached."""
    return {
        role["name"]: {value for key, value in role["tags"].items() if "denied" in key}
        for role in world.get("roles", ())
        if any(policy.endswith("/cordon-denial") for policy in role["attached"])
    }


def _worn(world: World) -> set[str]:
    return {group for instance in world["instances"] for eni in instance["enis"] for group in eni["groups"]}


def _difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    return ", ".join(key for key in before if before[key] != after.get(key))

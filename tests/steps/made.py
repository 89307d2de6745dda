# SPDX-License-Identifier: Apache-2.0
"""One step's work on the scenario's host, to be called by itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from functools import partial
from typing import Any

from functions.aws import errors
from functions.containment.errors import item_of
from functions.containment.observation import observe_host
from functions.context import INCIDENT, MEMBER_CREDENTIALS
from functions.finding.model import Target
from functions.steps.registry import STEPS, contain_actions
from functions.steps.step import Member, Step, StepError, Task, conclude
from tests.scenario import TARGET, Scenario

INCIDENT_ID = "inc-1kjq1eaw0-k57547jg"
OPTIONS = {"access": {"ports": [22, 3389], "cidrs": ["198.51.100.0/24"]}}


def member(scenario: Scenario, *, incident: str = INCIDENT_ID, target: Target = TARGET) -> Member:
    """Return the member account as steps reach it, with what the hub has recorded by now."""
    services = scenario.services()
    INCIDENT.set(incident)
    MEMBER_CREDENTIALS.set(
        services.assume(target, incident, purpose="contain", actions=contain_actions(changing=True)),
    )
    groups = services.records.facts(target, services.runtime.clock.now()).groups
    return Member(
        target=target,
        incident=incident,
        qualifier="cordon",
        clients=services.clients,
        runtime=services.runtime,
        records=services.records,
        shared_resources=services.shared_resources,
        evidence=services.evidence(incident),
        enter=partial(services.enter, target, incident),
        groups=groups,
    )


@contextmanager
def task(
    scenario: Scenario,
    *,
    incident: str = INCIDENT_ID,
    target: Target = TARGET,
    options: Mapping[str, Any] = OPTIONS,
    resumed: bool = False,
) -> Iterator[dict[Step, Task]]:
    """Give the task of every step that observes, with a baseline taken now, in a delivery of its own."""
    with scenario.simulation.delivering(1):
        who = member(scenario, incident=incident, target=target)
        observation = observe_host(who, STEPS)
        host = observation.host
        assert host is not None
        yield {
            step: Task(
                who,
                host,
                options if step.name == "isolate" else {},
                observation.observed[step.name],
                step.baseline(host, observation.observed[step.name]),
                resumed,
                who.pool.promise(),
                receipt={},
                early=observation.early.get(step.name),
            )
            for step in STEPS
            if step.observe_with_host is None  # its section takes a look of its own
        }


def bare_task(member: Any, host: Any, options: Any, observed: Any, section: Any, **rest: Any) -> Task:
    """Return a task for code that waits for nothing."""
    done: Future[Any] = Future()
    if isinstance(observed, Exception):
        done.set_exception(observed)
    else:
        done.set_result(observed)
    return Task(
        member, host, options, done, section, **{"resumed": False, "next_allowed": Future(), "receipt": {}, **rest}
    )


def run(step: Step, each: Task) -> Any:
    """Prepare, apply and verify; return the result."""
    try:
        prepared = step.prepare(each) if step.prepare else None
    except (StepError, *errors.AwsError) as error:  # as the engine does
        return conclude(step.name, [item_of(step.name, error)], {})
    result = step.apply(each, prepared)
    return step.verify(each, result) if step.verify else result

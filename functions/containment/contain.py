# SPDX-License-Identifier: Apache-2.0
"""Contain: the baseline first, then every step beside the others, then reading back.

A step that fails stops nothing but itself. No code here puts anything back: containment is monotonic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from functools import partial

from functions.containment.look import Sight
from functions.incident.model import PlannedCall, StepOutcome, StepResult
from functions.parallel import Pool
from functions.policy.model import Decision
from functions.steps.host import Host
from functions.steps.step import Member, Section, Step, Task, UnobservedError, conclude, failed_part

SWITCHED_OFF = "switched off by policy"


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done on one host. ``sections`` are the baseline's sections that are not written yet."""

    tasks: Mapping[Step, Task]
    sections: Mapping[str, Section]
    without: tuple[StepResult, ...] = field(default=())

    @property
    def plan(self) -> tuple[PlannedCall, ...]:
        """Every call that it takes, in the order in which steps are told."""
        return tuple(call for step, task in self.tasks.items() for call in step.plan(task))

    @property
    def planned(self) -> tuple[StepResult, ...]:
        """The steps as planned, for a decision that does not act."""
        return (*(StepResult(step.name, StepOutcome.PLANNED) for step in self.tasks), *self.without)


def prepare_job(
    member: Member,
    host: Host,
    sight: Sight,
    decision: Decision,
    *,
    steps: Iterable[Step],
    baseline: Mapping[str, Section],
    resumed: bool,
) -> Job:
    """Return the job; a section of the stored baseline is used as it is and never taken again."""
    tasks: dict[Step, Task] = {}
    sections: dict[str, Section] = {}
    without: list[StepResult] = []
    for step in steps:
        options = decision.steps.get(step.name)
        if options is None or not options.get("enabled", True):
            without.append(StepResult(step.name, StepOutcome.SKIPPED, SWITCHED_OFF))
            continue
        observed = sight.observed.get(step.name)
        section = baseline.get(step.name)
        if section is None:
            try:
                section = step.baseline(host, observed)
            except UnobservedError as error:
                without.append(conclude(step.name, [failed_part("baseline", error.cause)], {}))
                continue
            sections[step.name] = section
        tasks[step] = Task(member, host, options, observed, section, resumed)
    return Job(tasks, sections, tuple(without))


def contain(pool: Pool, job: Job, begin: Callable[[], None]) -> tuple[StepResult, ...]:
    """Write the baseline by ``begin``, run every step, read everything back, and return the results.

    What the baseline does not cover (making a quarantine group) is prepared beside it. Raises what ``begin`` raises;
    then no step has changed anything of the host.
    """
    begun = pool.start(begin)
    running = {step: pool.start(partial(_run, step, task, begun)) for step, task in job.tasks.items()}
    wait([begun])
    wait(running.values())
    begun.result()
    applied = {step: future.result() for step, future in running.items()}
    checks = [partial(step.verify, job.tasks[step], result) for step, result in applied.items() if result is not None]
    return (*pool.all(checks), *job.without)


def _run(step: Step, task: Task, begun: Future[None]) -> StepResult | None:
    prepared = step.prepare(task) if step.prepare is not None else None
    if begun.exception() is not None:
        return None
    return step.apply(task, prepared)

# SPDX-License-Identifier: Apache-2.0
"""Contain: the baseline first, then every step beside the others, then reading back.

A step that fails stops nothing but itself, in whatever way it fails. No code here puts anything back: containment is
monotonic.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, wait
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from functions.containment.baseline import SECTION_LIMIT_BYTES, further_name, merge, section_of
from functions.containment.border import unexpected, within
from functions.containment.look import Sight
from functions.incident.items import dump
from functions.incident.model import Part, PlannedCall, StepOutcome, StepResult
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
        planned = [within(step.name, partial(step.plan, task)) for step, task in self.tasks.items()]
        return tuple(call for calls in planned if not isinstance(calls, Part) for call in calls)

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
    receipts: Mapping[str, Mapping[str, Any]] | None = None,
) -> Job:
    """Return the job; a section of the stored baseline is used as it is and never taken again.

    What was attached to the host since gets a further section. ``receipts`` has, by step, what earlier attempts are
    known to have done. A step whose section can't be taken, or is too large for an item, fails by itself.
    """
    receipts = receipts or {}
    tasks: dict[Step, Task] = {}
    sections: dict[str, Section] = {}
    without: list[StepResult] = []
    for step in steps:
        options = decision.steps.get(step.name)
        if options is None or not options.get("enabled", True):
            without.append(StepResult(step.name, StepOutcome.SKIPPED, SWITCHED_OFF))
            continue
        observed = sight.observed.get(step.name)
        taken = within(step.name, partial(_section, step, host, observed, baseline))
        if isinstance(taken, Part):
            without.append(conclude(step.name, [taken], receipts.get(step.name, {})))
            continue
        section, new = taken
        sections.update(new)
        tasks[step] = Task(member, host, options, observed, section, resumed, receipts.get(step.name, {}))
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
    checks = [partial(_verify, step, job.tasks[step], result) for step, result in applied.items() if result is not None]
    return (*pool.all(checks), *job.without)


def _section(
    step: Step, host: Host, observed: Any, baseline: Mapping[str, Section]
) -> tuple[Section, Mapping[str, Section]] | Part:
    """Return a step's whole section, and those of it that are not written yet by name; or why there is none."""
    stands = section_of(baseline, step.name)
    try:
        if stands is None:
            section = step.baseline(host, observed)
            new = {step.name: section}
        else:
            since = step.further(host, stands) if step.further is not None else None
            new = {further_name(step.name, since[0]): since[1]} if since is not None else {}
            section = merge(stands, since[1]) if since is not None else stands
    except UnobservedError as error:
        return failed_part("baseline", error.cause)
    if any(len(dump(each).encode(errors="replace")) > SECTION_LIMIT_BYTES for each in new.values()):
        # Sections are written all or nothing: one that no item holds would keep the others from being written.
        return Part("baseline", StepOutcome.FAILED, "too large to be kept, so nothing is changed", "TooLarge")
    return section, new


def _run(step: Step, task: Task, begun: Future[None]) -> StepResult | None:
    def work() -> StepResult | None:
        prepared = step.prepare(task) if step.prepare is not None else None
        if begun.exception() is not None:
            return None
        return step.apply(task, prepared)

    result = within(step.name, work)
    return conclude(step.name, [result], {}) if isinstance(result, Part) else result


def _verify(step: Step, task: Task, result: StepResult) -> StepResult:
    try:
        return step.verify(task, result)
    except Exception as error:  # noqa: BLE001 — the border between steps: the others' results must be kept
        return conclude(step.name, [*result.parts, unexpected(step.name, error)], result.receipt)

# SPDX-License-Identifier: Apache-2.0
"""What is to be done on one host: a task for each step, and the sections of the baseline to write."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from functions.containment.baseline import SECTION_LIMIT_BYTES, addition_name, section_of
from functions.containment.errors import SectionTooLargeError, item_of
from functions.containment.observation import Observation
from functions.incident.items import dump
from functions.incident.model import AnyResult, PlannedCall, StepOutcome, StepResult
from functions.merge import keep_first
from functions.policy.model import Decision
from functions.steps.host import Host
from functions.steps.risk import SWITCHED_OFF
from functions.steps.step import AnyStep, AnyTask, Member, Options, Section, Task, conclude


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done on one host. ``sections`` are the baseline's sections that are not written yet.

    ``written`` is the stored baseline, ``approval_checks`` the tasks of steps that have one, switched on or not.
    """

    tasks: Mapping[AnyStep, AnyTask]
    sections: Mapping[str, Section]
    written: Mapping[str, Section] = field(default_factory=dict)
    approval_checks: Mapping[AnyStep, AnyTask] = field(default_factory=dict)
    not_run: tuple[AnyResult, ...] = field(default=())

    @property
    def plan(self) -> tuple[PlannedCall, ...]:
        """Every call that it takes, in the order of the steps."""
        return tuple(call for step, task in self.tasks.items() for call in _calls(step, task))

    @property
    def planned(self) -> tuple[AnyResult, ...]:
        """The steps as planned, for a decision that does not act."""
        return (*(_planned(step, task) for step, task in self.tasks.items()), *self.not_run)


def prepare_job(
    member: Member,
    host: Host,
    observation: Observation,
    decision: Decision,
    *,
    steps: Iterable[AnyStep],
    baseline: Mapping[str, Section],
    resumed: bool,
    receipts: Mapping[str, Mapping[str, Any]] | None = None,
    users: Mapping[str, str] | None = None,
) -> Job:
    """Return the job; a section of the stored baseline is used as it is and never taken again.

    What was attached to the host since gets a section of its own. ``receipts`` has, by step, what earlier attempts are
    known to have done. A step whose section can't be taken, or is too large for an item, fails by itself.
    """
    receipts = receipts or {}
    ours = {*member.groups.values(), *member.made}
    # Skip the approval checks once an interface wears a quarantine group: to stop there would help no one.
    isolation_begun = bool(baseline) and any(ours.intersection(each.groups) for each in host.interfaces)
    tasks: dict[AnyStep, AnyTask] = {}
    approval_checks: dict[AnyStep, AnyTask] = {}
    sections: dict[str, Section] = {}
    not_run: list[AnyResult] = []

    def task(step: AnyStep, options: Options, section: Section) -> AnyTask:
        return Task(
            member,
            host,
            options,
            observation.observed[step.name],
            section,
            resumed,
            member.pool.promise(),
            receipts.get(step.name, {}),
            users or {},
            observation.early.get(step.name),
        )

    for step in steps:
        options = step.options(decision.steps)
        if options is None:
            if not step.within:  # an option that is off is not worth a line
                not_run.append(StepResult(step.name, StepOutcome.SKIPPED, SWITCHED_OFF, receipt={}))
            if step.approval_check is not None and not isolation_begun:
                approval_checks[step] = task(step, {}, {})
            continue
        if step.observe_with_host is not None:
            tasks[step] = task(step, options, section_of(baseline, step.name) or {})
        else:
            try:
                section, new = take_section(step, host, observation.observed[step.name], baseline)
            except Exception as error:  # noqa: BLE001 — the border between steps: the others go on
                failed = item_of(step.name, error, "baseline")
                not_run.append(conclude(step.name, [failed], receipts.get(step.name, {})))
                continue
            sections.update(new)
            tasks[step] = task(step, options, section)
        if step.approval_check is not None and not isolation_begun:
            approval_checks[step] = tasks[step]
    return Job(tasks, sections, baseline, approval_checks, tuple(not_run))


def take_section(
    step: AnyStep, host: Host, observation: Future[Any], baseline: Mapping[str, Section]
) -> tuple[Section, Mapping[str, Section]]:
    """Return a step's whole section, and by name those of it that are not written yet.

    Raises what the step raises, and SectionTooLargeError.
    """
    stands = section_of(baseline, step.name)
    if stands is None:
        section: Section = step.baseline(host, observation)
        new = {step.name: section}
    else:
        since = step.extend_baseline(host, observation, stands) if step.extend_baseline is not None else None
        new = {addition_name(step.name, since[0]): since[1]} if since is not None else {}
        section = keep_first(stands, since[1]) if since is not None else stands
    if any(len(dump(each).encode(errors="replace")) > SECTION_LIMIT_BYTES for each in new.values()):
        raise SectionTooLargeError("too large to be kept, so nothing is changed")
    return section, new


def _calls(step: AnyStep, task: AnyTask) -> tuple[PlannedCall, ...]:
    try:
        return step.plan(task)
    except Exception as error:  # noqa: BLE001 — the border between steps: the plan of the others is shown
        item_of(step.name, error)
        return ()


def _planned(step: AnyStep, task: AnyTask) -> AnyResult:
    try:
        warning = step.warning(task) if step.warning is not None else None
    except Exception as error:  # noqa: BLE001 — as above
        warning = item_of(step.name, error).reason
    return StepResult(step.name, StepOutcome.PLANNED, warning or "", receipt={})

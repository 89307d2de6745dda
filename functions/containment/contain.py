# SPDX-License-Identifier: Apache-2.0
"""Contain: the baseline first, then every step beside the others, each read back when it is through.

A step that fails stops nothing but itself, in whatever way it fails: who comes after it goes on when it has ended. No
code here puts anything back: containment is monotonic.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from functions import log
from functions.aws import errors
from functions.containment.baseline import SECTION_LIMIT_BYTES, addition_name, section_of
from functions.containment.border import unexpected, within
from functions.containment.observation import Observation
from functions.incident.items import dump
from functions.incident.model import ItemOutcome, PlannedCall, StepOutcome, StepResult
from functions.merge import keep_first
from functions.policy.model import Cap, Decision, Mode, Policy
from functions.runtime import Runtime
from functions.steps.host import Host
from functions.steps.step import Member, Options, Section, Step, Task, UnobservedError, conclude, failed_item

SWITCHED_OFF = "switched off by policy"

APPROVAL_CHECK_SECONDS = 5.0
"""How long isolation waits for what all approval checks read, beside the baseline: what isn't read by then asks
nobody."""


class ApprovalNeededError(Exception):
    """A person has to approve before this host is contained; nothing of it was changed. Attribute ``cap``."""

    def __init__(self, cap: Cap) -> None:
        super().__init__(cap.reason)
        self.cap = cap


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done on one host. ``sections`` are the baseline's sections that are not written yet.

    ``written`` is the stored baseline, ``approval_checks`` the tasks of steps that have one, switched on or not.
    """

    tasks: Mapping[Step, Task]
    sections: Mapping[str, Section]
    written: Mapping[str, Section] = field(default_factory=dict)
    approval_checks: Mapping[Step, Task] = field(default_factory=dict)
    not_run: tuple[StepResult, ...] = field(default=())

    @property
    def plan(self) -> tuple[PlannedCall, ...]:
        """Every call that it takes, in the order in which steps are told."""
        planned = [within(step.name, partial(step.plan, task)) for step, task in self.tasks.items()]
        return tuple(call for calls in planned if not isinstance(calls, ItemOutcome) for call in calls)

    @property
    def planned(self) -> tuple[StepResult, ...]:
        """The steps as planned, for a decision that does not act."""
        return (*(_planned(step, task) for step, task in self.tasks.items()), *self.not_run)


def _planned(step: Step, task: Task) -> StepResult:
    warning = within(step.name, partial(step.warning, task)) if step.warning is not None else None
    return StepResult(
        step.name, StepOutcome.PLANNED, (warning.reason if isinstance(warning, ItemOutcome) else warning) or ""
    )


def prepare_job(
    member: Member,
    host: Host,
    observation: Observation,
    decision: Decision,
    *,
    steps: Iterable[Step],
    baseline: Mapping[str, Section],
    resumed: bool,
    receipts: Mapping[str, Mapping[str, Any]] | None = None,
    users: Mapping[str, str] | None = None,
) -> Job:
    """Return the job; a section of the stored baseline is used as it is and never taken again.

    What was attached to the host since gets a further section. ``receipts`` has, by step, what earlier attempts are
    known to have done. A step whose section can't be taken, or is too large for an item, fails by itself.
    """
    receipts = receipts or {}
    ours = {*member.groups.values(), *member.made}
    # Skip the approval checks once an interface wears a quarantine group: to stop there would help no one.
    isolation_begun = bool(baseline) and any(ours.intersection(each.groups) for each in host.interfaces)
    tasks: dict[Step, Task] = {}
    approval_checks: dict[Step, Task] = {}
    sections: dict[str, Section] = {}
    not_run: list[StepResult] = []

    def task(step: Step, options: Options, section: Section) -> Task:
        observed, receipt = observation.observed.get(step.name), receipts.get(step.name, {})
        return Task(member, host, options, observed, section, resumed, member.pool.promise(), receipt, users or {})

    for step in steps:
        options = step.options(decision.steps)
        if options is None:
            if not step.within:  # an option that is off is nothing to tell of
                not_run.append(StepResult(step.name, StepOutcome.SKIPPED, SWITCHED_OFF))
            if step.approval_check is not None and not isolation_begun:
                approval_checks[step] = task(step, {}, {})
            continue
        if step.observe_with_host is not None:
            tasks[step] = task(step, options, section_of(baseline, step.name) or {})
        else:
            taken = within(step.name, partial(_section, step, host, observation.observed.get(step.name), baseline))
            if isinstance(taken, ItemOutcome):
                not_run.append(conclude(step.name, [taken], receipts.get(step.name, {})))
                continue
            section, new = taken
            sections.update(new)
            tasks[step] = task(step, options, section)
        if step.approval_check is not None and not isolation_begun:
            approval_checks[step] = tasks[step]
    return Job(tasks, sections, baseline, approval_checks, tuple(not_run))


def contain(
    runtime: Runtime,
    job: Job,
    write_baseline: Callable[[], None],
    write_section: Callable[[str, Section], None],
    policy: Policy,
) -> tuple[StepResult, ...]:
    """Write the baseline, run every step, read everything back, and return the results.

    What the baseline does not cover (making a quarantine group) is prepared beside it. ``write_section`` writes a
    section that takes the host's description first. Raises what ``write_baseline`` raises, and ApprovalNeededError
    after it has written: in either case no step has changed anything of the host.
    """
    pool, clock = runtime.pool, runtime.clock
    go: Future[None] = pool.promise()
    baseline_written = pool.start(write_baseline)
    everything = {**job.approval_checks, **job.tasks}
    preparing = {step: pool.start(partial(_prepare, step, task)) for step, task in everything.items()}
    running = {step: pool.start(partial(_run, step, job, preparing[step], go, write_section)) for step in job.tasks}
    try:
        baseline_written.result()
        until = clock.monotonic() + APPROVAL_CHECK_SECONDS
        for step, task in job.approval_checks.items():
            _check_approval(step, task, preparing[step], policy, until - clock.monotonic())
    except BaseException as error:
        go.set_exception(error)
        for future in running.values():
            future.result()
        raise
    go.set_result(None)
    results = [future.result() for future in running.values()]
    return (*(result for result in results if result is not None), *job.not_run)


def _check_approval(step: Step, task: Task, preparing: Future[Any], policy: Policy, seconds: float) -> None:
    """Raise ApprovalNeededError where a step says that people are to be asked. What it couldn't read asks nobody."""
    try:
        prepared = preparing.result(timeout=max(0.0, seconds))
    except TimeoutError:
        reason = f"its approval check had not read everything after {APPROVAL_CHECK_SECONDS:g} s, so nobody was asked"
        log.write("step", level=logging.WARNING, step=step.name, outcome="skipped", reason=reason, error=None)
        return
    if step.approval_check is None or isinstance(prepared, _Unprepared):
        return
    caps = within(step.name, lambda: tuple(step.approval_check(task, prepared, policy)) if step.approval_check else ())
    for cap in () if isinstance(caps, ItemOutcome) else caps:
        if cap.mode is not Mode.ENFORCE:
            raise ApprovalNeededError(cap)


def _section(
    step: Step, host: Host, observed: Any, baseline: Mapping[str, Section]
) -> tuple[Section, Mapping[str, Section]] | ItemOutcome:
    """Return a step's whole section, and those of it that are not written yet by name; or why there is none."""
    stands = section_of(baseline, step.name)
    try:
        if stands is None:
            section = step.baseline(host, observed)
            new = {step.name: section}
        else:
            since = step.extend_baseline(host, observed, stands) if step.extend_baseline is not None else None
            new = {addition_name(step.name, since[0]): since[1]} if since is not None else {}
            section = keep_first(stands, since[1]) if since is not None else stands
    except UnobservedError as error:
        return failed_item("baseline", error.cause)
    if any(len(dump(each).encode(errors="replace")) > SECTION_LIMIT_BYTES for each in new.values()):
        # Sections are written all or nothing: one that no item holds would keep the others from being written.
        return ItemOutcome("baseline", StepOutcome.FAILED, "too large to be kept, so nothing is changed", "TooLarge")
    return section, new


@dataclass(frozen=True, slots=True)
class _Unprepared:
    """Stands for the value of ``prepare`` or ``observe_with_host`` where that failed unexpectedly."""

    item: ItemOutcome


def _prepare(step: Step, task: Task) -> Any:
    """Make the reads that go beside the baseline."""
    read = step.observe_with_host or step.prepare
    if read is None:
        return None
    prepared = within(step.name, partial(read, task))
    # An item that the step itself returns is its own business; one that the border made is told apart here.
    unforeseen = isinstance(prepared, ItemOutcome) and prepared.what == step.name
    return _Unprepared(prepared) if unforeseen else prepared


def _run(
    step: Step, job: Job, preparing: Future[Any], go: Future[None], write_section: Callable[[str, Section], None]
) -> StepResult | None:
    """Take one step to its end; None where the containment did not begin."""
    task = job.tasks[step]
    try:
        prepared = preparing.result()
        if go.exception() is not None:
            return None
        if isinstance(prepared, _Unprepared):
            return conclude(step.name, [prepared.item], task.receipt)
        if step.observe_with_host is not None:
            kept = within(step.name, partial(_observed_with_host, step, task, prepared, job.written, write_section))
            if isinstance(kept, ItemOutcome):
                return conclude(step.name, [kept], task.receipt)
            task = kept
        for other, earlier in job.tasks.items():
            if other.name in step.after:
                _wait(step, other, earlier)
        result = within(step.name, partial(step.apply, task, prepared))
        if isinstance(result, ItemOutcome):
            return conclude(step.name, [result], {})
        task.allow_next()
        return _verify(step, task, result)
    finally:
        job.tasks[step].allow_next()


def _wait(step: Step, other: Step, earlier: Task) -> None:
    """Wait until the other step allows it, for at most ``wait_seconds``."""
    try:
        earlier.next_allowed.result(timeout=step.wait_seconds)
    except TimeoutError:
        reason = f"went on after {step.wait_seconds:g} s without waiting any longer for {other.name}"
        log.write("step", level=logging.WARNING, step=step.name, outcome="done", reason=reason, error=None)


def _observed_with_host(
    step: Step, task: Task, observed: Any, written: Mapping[str, Section], write_section: Callable[[str, Section], None]
) -> Task | ItemOutcome:
    """Write the section of what was observed with the host; return the task with it, or why it can't be."""
    taken = _section(step, task.host, observed, written)
    if isinstance(taken, ItemOutcome):
        return taken
    section, new = taken
    try:
        for name, each in new.items():
            write_section(name, each)
    except errors.AwsError as error:
        return failed_item("baseline", error)
    return replace(task, observed=observed, section=section)


def _verify(step: Step, task: Task, result: StepResult) -> StepResult:
    try:
        return step.verify(task, result)
    except Exception as error:  # noqa: BLE001 — the border between steps: the others' results must be kept
        return conclude(step.name, [*result.items, unexpected(step.name, error)], result.receipt)

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
from functions.containment.baseline import SECTION_LIMIT_BYTES, further_name, merge, section_of
from functions.containment.border import unexpected, within
from functions.containment.look import Sight
from functions.incident.items import dump
from functions.incident.model import Part, PlannedCall, StepOutcome, StepResult
from functions.policy.model import Cap, Decision, Mode, Policy
from functions.runtime import Runtime
from functions.steps.host import Host
from functions.steps.step import Member, Options, Section, Step, Task, UnobservedError, conclude, failed_part

SWITCHED_OFF = "switched off by policy"

BRAKE_SECONDS = 5.0
"""How long isolation waits for what all brakes read, beside the baseline: what isn't read by then asks nobody."""


class BrakeError(Exception):
    """People are to be asked before this host is contained; nothing of it was changed. Attribute ``cap``."""

    def __init__(self, cap: Cap) -> None:
        super().__init__(cap.reason)
        self.cap = cap


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done on one host. ``sections`` are the baseline's sections that are not written yet.

    ``written`` is the stored baseline, ``brakes`` the tasks of steps that have one, switched on or not.
    """

    tasks: Mapping[Step, Task]
    sections: Mapping[str, Section]
    written: Mapping[str, Section] = field(default_factory=dict)
    brakes: Mapping[Step, Task] = field(default_factory=dict)
    without: tuple[StepResult, ...] = field(default=())

    @property
    def plan(self) -> tuple[PlannedCall, ...]:
        """Every call that it takes, in the order in which steps are told."""
        planned = [within(step.name, partial(step.plan, task)) for step, task in self.tasks.items()]
        return tuple(call for calls in planned if not isinstance(calls, Part) for call in calls)

    @property
    def planned(self) -> tuple[StepResult, ...]:
        """The steps as planned, for a decision that does not act."""
        return (*(_planned(step, task) for step, task in self.tasks.items()), *self.without)


def _planned(step: Step, task: Task) -> StepResult:
    caution = within(step.name, partial(step.caution, task)) if step.caution is not None else None
    return StepResult(step.name, StepOutcome.PLANNED, (caution.reason if isinstance(caution, Part) else caution) or "")


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
    users: Mapping[str, str] | None = None,
) -> Job:
    """Return the job; a section of the stored baseline is used as it is and never taken again.

    What was attached to the host since gets a further section. ``receipts`` has, by step, what earlier attempts are
    known to have done. A step whose section can't be taken, or is too large for an item, fails by itself.
    """
    receipts = receipts or {}
    ours = {*member.groups.values(), *member.made}
    # Who is half in quarantine already is past asking: to stop there would help nobody.
    begun = bool(baseline) and any(ours.intersection(each.groups) for each in host.interfaces)
    tasks: dict[Step, Task] = {}
    brakes: dict[Step, Task] = {}
    sections: dict[str, Section] = {}
    without: list[StepResult] = []

    def task(step: Step, options: Options, section: Section) -> Task:
        observed, receipt = sight.observed.get(step.name), receipts.get(step.name, {})
        return Task(member, host, options, observed, section, resumed, member.pool.promise(), receipt, users or {})

    for step in steps:
        options = step.options(decision.steps)
        if options is None:
            if not step.within:  # an option that is off is nothing to tell of
                without.append(StepResult(step.name, StepOutcome.SKIPPED, SWITCHED_OFF))
            if step.brake is not None and not begun:
                brakes[step] = task(step, {}, {})
            continue
        if step.explore is not None:
            tasks[step] = task(step, options, section_of(baseline, step.name) or {})
        else:
            taken = within(step.name, partial(_section, step, host, sight.observed.get(step.name), baseline))
            if isinstance(taken, Part):
                without.append(conclude(step.name, [taken], receipts.get(step.name, {})))
                continue
            section, new = taken
            sections.update(new)
            tasks[step] = task(step, options, section)
        if step.brake is not None and not begun:
            brakes[step] = tasks[step]
    return Job(tasks, sections, baseline, brakes, tuple(without))


def contain(
    runtime: Runtime, job: Job, begin: Callable[[], None], keep: Callable[[str, Section], None], policy: Policy
) -> tuple[StepResult, ...]:
    """Write the baseline by ``begin``, run every step, read everything back, and return the results.

    What the baseline does not cover (making a quarantine group) is prepared beside it. ``keep`` writes a section that
    takes knowing the host first. Raises what ``begin`` raises, and BrakeError after ``begin`` has written: in either
    case no step has changed anything of the host.
    """
    pool, clock = runtime.pool, runtime.clock
    go: Future[None] = pool.promise()
    begun = pool.start(begin)
    everything = {**job.brakes, **job.tasks}
    preparing = {step: pool.start(partial(_prepare, step, task)) for step, task in everything.items()}
    running = {step: pool.start(partial(_run, step, job, preparing[step], go, keep)) for step in job.tasks}
    try:
        begun.result()
        until = clock.monotonic() + BRAKE_SECONDS
        for step, task in job.brakes.items():
            _brake(step, task, preparing[step], policy, until - clock.monotonic())
    except BaseException as error:
        go.set_exception(error)
        for future in running.values():
            future.result()
        raise
    go.set_result(None)
    results = [future.result() for future in running.values()]
    return (*(result for result in results if result is not None), *job.without)


def _brake(step: Step, task: Task, preparing: Future[Any], policy: Policy, seconds: float) -> None:
    """Raise BrakeError where a step says that people are to be asked. What it couldn't read asks nobody."""
    try:
        prepared = preparing.result(timeout=max(0.0, seconds))
    except TimeoutError:
        reason = f"its brake had not read everything after {BRAKE_SECONDS:g} s, so nobody was asked"
        log.write("step", level=logging.WARNING, step=step.name, outcome="skipped", reason=reason, error=None)
        return
    if step.brake is None or isinstance(prepared, _Unprepared):
        return
    caps = within(step.name, lambda: tuple(step.brake(task, prepared, policy)) if step.brake else ())
    for cap in () if isinstance(caps, Part) else caps:
        if cap.mode is not Mode.ENFORCE:
            raise BrakeError(cap)


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
            since = step.further(host, observed, stands) if step.further is not None else None
            new = {further_name(step.name, since[0]): since[1]} if since is not None else {}
            section = merge(stands, since[1]) if since is not None else stands
    except UnobservedError as error:
        return failed_part("baseline", error.cause)
    if any(len(dump(each).encode(errors="replace")) > SECTION_LIMIT_BYTES for each in new.values()):
        # Sections are written all or nothing: one that no item holds would keep the others from being written.
        return Part("baseline", StepOutcome.FAILED, "too large to be kept, so nothing is changed", "TooLarge")
    return section, new


@dataclass(frozen=True, slots=True)
class _Unprepared:
    """What stands for what ``prepare`` or ``explore`` returned when it failed in a way that nobody foresaw."""

    part: Part


def _prepare(step: Step, task: Task) -> Any:
    """Make the reads that go beside the baseline."""
    read = step.explore or step.prepare
    if read is None:
        return None
    prepared = within(step.name, partial(read, task))
    # A part that the step itself returns is its own business; one that the border made is told apart here.
    unforeseen = isinstance(prepared, Part) and prepared.what == step.name
    return _Unprepared(prepared) if unforeseen else prepared


def _run(
    step: Step, job: Job, preparing: Future[Any], go: Future[None], keep: Callable[[str, Section], None]
) -> StepResult | None:
    """Take one step to its end; None where the containment did not begin."""
    task = job.tasks[step]
    try:
        prepared = preparing.result()
        if go.exception() is not None:
            return None
        if isinstance(prepared, _Unprepared):
            return conclude(step.name, [prepared.part], task.receipt)
        if step.explore is not None:
            kept = within(step.name, partial(_explored, step, task, prepared, job.written, keep))
            if isinstance(kept, Part):
                return conclude(step.name, [kept], task.receipt)
            task = kept
        for other, earlier in job.tasks.items():
            if other.name in step.after:
                _wait(step, other, earlier)
        result = within(step.name, partial(step.apply, task, prepared))
        if isinstance(result, Part):
            return conclude(step.name, [result], {})
        task.let_pass()
        return _verify(step, task, result)
    finally:
        job.tasks[step].let_pass()


def _wait(step: Step, other: Step, earlier: Task) -> None:
    """Wait until the other step has let pass, as long as this one has patience."""
    try:
        earlier.passed.result(timeout=step.patience)
    except TimeoutError:
        reason = f"went on after {step.patience:g} s without waiting any longer for {other.name}"
        log.write("step", level=logging.WARNING, step=step.name, outcome="done", reason=reason, error=None)


def _explored(
    step: Step, task: Task, explored: Any, written: Mapping[str, Section], keep: Callable[[str, Section], None]
) -> Task | Part:
    """Write the section that exploring made possible; return the task with it, or why it can't be."""
    taken = _section(step, task.host, explored, written)
    if isinstance(taken, Part):
        return taken
    section, new = taken
    try:
        for name, each in new.items():
            keep(name, each)
    except errors.AwsError as error:
        return failed_part("baseline", error)
    return replace(task, observed=explored, section=section)


def _verify(step: Step, task: Task, result: StepResult) -> StepResult:
    try:
        return step.verify(task, result)
    except Exception as error:  # noqa: BLE001 — the border between steps: the others' results must be kept
        return conclude(step.name, [*result.parts, unexpected(step.name, error)], result.receipt)

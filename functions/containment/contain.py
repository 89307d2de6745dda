# SPDX-License-Identifier: Apache-2.0
"""Contain: the baseline first, then every step beside the others, each read back when it is through.

A step that fails stops nothing but itself, in whatever way it fails: a step that comes after it goes on when it has
ended. No code here puts anything back: containment is monotonic.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Any

from functions import log
from functions.containment.errors import ApprovalNeededError, NotBegunError, item_of
from functions.containment.job import Job, take_section
from functions.incident.model import AnyResult
from functions.policy.model import Mode, Policy
from functions.runtime import Runtime
from functions.steps.step import AnyStep, AnyTask, Section, conclude

APPROVAL_CHECK_SECONDS = 5.0
"""How long isolation waits for what all approval checks read, beside the baseline. What is not read by then asks for
no approval."""

WriteSection = Callable[[str, Section], None]


def contain(
    runtime: Runtime, job: Job, write_baseline: Callable[[], None], write_section: WriteSection, policy: Policy
) -> tuple[AnyResult, ...]:
    """Write the baseline, run every step, read everything back, and return the results.

    What the baseline does not cover (making a quarantine group) is prepared beside it. ``write_section`` writes a
    section that takes the host's description first. Raises what ``write_baseline`` raises, and ApprovalNeededError
    after it has written: in either case no step has changed anything of the host.
    """
    pool, clock = runtime.pool, runtime.clock
    begun: Future[None] = pool.promise()
    writing = pool.start(write_baseline)
    everything = {**job.approval_checks, **job.tasks}
    preparing = {step: pool.start(partial(_prepare, step, task)) for step, task in everything.items()}
    running = {step: pool.start(partial(_run, step, job, preparing[step], begun, write_section)) for step in job.tasks}
    try:
        writing.result()
        until = clock.monotonic() + APPROVAL_CHECK_SECONDS
        for step, task in job.approval_checks.items():
            _check_approval(step, task, preparing[step], policy, until - clock.monotonic())
    except BaseException:
        begun.set_exception(NotBegunError("the baseline was not written, or a person has to approve"))
        for future in running.values():
            future.exception()
        raise
    begun.set_result(None)
    results = [future.result() for future in running.values()]
    return (*(result for result in results if result is not None), *job.not_run)


def _prepare(step: AnyStep, task: AnyTask) -> Any:
    """Make the reads that go beside the baseline."""
    read = step.observe_with_host or step.prepare
    return read(task) if read is not None else None


def _check_approval(step: AnyStep, task: AnyTask, preparing: Future[Any], policy: Policy, seconds: float) -> None:
    """Raise ApprovalNeededError where a step asks for approval. What could not be read asks for none."""
    if step.approval_check is None:
        return
    try:
        prepared = preparing.result(timeout=max(0.0, seconds))
        if step.observe_with_host is not None:
            task = replace(task, observation=preparing)
        caps = tuple(step.approval_check(task, prepared, policy))
    except TimeoutError:
        reason = f"its approval check had not read everything after {APPROVAL_CHECK_SECONDS:g} s: no approval was asked"
        log.write("step", level=logging.WARNING, step=step.name, outcome="skipped", reason=reason, error=None)
        return
    except Exception as error:  # noqa: BLE001 — the border between steps: a check that fails keeps no host open
        item_of(step.name, error)
        return
    for cap in caps:
        if cap.mode is not Mode.ENFORCE:
            raise ApprovalNeededError(cap)


def _run(
    step: AnyStep, job: Job, preparing: Future[Any], begun: Future[None], write_section: WriteSection
) -> AnyResult | None:
    """Take one step to its end; None where the containment did not begin. This is where a step's errors end."""
    task, prepared = job.tasks[step], None
    what, receipt = None, task.receipt
    try:
        preparing.exception()  # the reads end before the step does, even where nothing is to be done
        begun.result()
        if step.observe_with_host is None:
            prepared = preparing.result()
        else:
            what = "baseline"
            task = _observed_with_host(step, task, preparing, job.written, write_section)
            what = None
        for other, earlier in job.tasks.items():
            if other.name in step.after:
                _wait(step, other, earlier)
        receipt = {}
        result = step.apply(task, prepared)
        task.allow_next()
    except NotBegunError:
        return None
    except Exception as error:  # noqa: BLE001 — the border between steps: whatever it is, the others go on
        return conclude(step.name, [item_of(step.name, error, what)], receipt)
    finally:
        job.tasks[step].allow_next()
    return _verify(step, task, result)


def _observed_with_host(
    step: AnyStep, task: AnyTask, observing: Future[Any], written: Mapping[str, Section], write_section: WriteSection
) -> AnyTask:
    """Write the section of what was observed with the host; return the task with it. Raises what keeps it from that."""
    section, new = take_section(step, task.host, observing, written)
    for name, each in new.items():
        write_section(name, each)
    return replace(task, observation=observing, section=section)


def _wait(step: AnyStep, other: AnyStep, earlier: AnyTask) -> None:
    """Wait until the other step allows it, for at most ``wait_seconds``."""
    try:
        earlier.next_allowed.result(timeout=step.wait_seconds)
    except TimeoutError:
        reason = f"went on after {step.wait_seconds:g} s without waiting any longer for {other.name}"
        log.write("step", level=logging.WARNING, step=step.name, outcome="done", reason=reason, error=None)


def _verify(step: AnyStep, task: AnyTask, result: AnyResult) -> AnyResult:
    try:
        return step.verify(task, result) if step.verify is not None else result
    except Exception as error:  # noqa: BLE001 — the border between steps: the others' results must be kept
        return conclude(step.name, [*result.items, item_of(step.name, error)], result.receipt)

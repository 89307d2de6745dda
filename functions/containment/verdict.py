# SPDX-License-Identifier: Apache-2.0
"""What a containment amounts to: its state, what risk is left, and a sentence. Pure.

The steps say which risks are left: this is a fold over them. No combination of steps makes a complete cut, and none is
claimed: a word goes only where a step that takes its ground away was done and read back.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from functions.incident.model import AnyResult, State, StepOutcome
from functions.steps import registry
from functions.steps.host import Host
from functions.steps.risk import Aftermath, Risk
from functions.steps.step import Isolation


@dataclass(frozen=True, slots=True)
class Verdict:
    """State, residual risk as words, and a sentence for a person."""

    state: State
    residual_risk: tuple[str, ...]
    reason: str


def judge(results: Sequence[AnyResult], finding_types: Iterable[str], host: Host, users: Sequence[str] = ()) -> Verdict:
    """Return what the results amount to. ``users`` are the IAM users that the findings name."""
    types = tuple(finding_types)
    by_name = {result.name: result for result in results}
    risks = tuple(risk.word for risk in _left(by_name, host, types, tuple(users)))
    result, isolation = _isolation(by_name)
    failed = [each for each in results if each.outcome is StepOutcome.FAILED]
    gaps = "; ".join(f"{each.name} failed ({each.reason})" for each in failed)
    if result is None or not isolation.swapped:
        why = gaps or (result.reason if result is not None else "isolation is no step of this decision")
        wanted = result is not None and result.outcome is StepOutcome.FAILED
        return Verdict(State.FAILED if wanted else State.PARTIAL, risks, f"not isolated: {why}")
    count = f"{len(isolation.swapped)} of {len(host.interfaces)} interfaces isolated"
    if isolation.verified < isolation.swapped:
        count += f", {len(isolation.verified)} read back"
    if result.outcome is StepOutcome.DONE and result.reason:
        count += f"; {result.reason}"  # what was odd, though it kept no interface from being isolated
    if failed:
        return Verdict(State.PARTIAL, risks, f"{count}; {gaps}")
    channel = own_channel(types, risks)
    if channel:
        return Verdict(State.PARTIAL, risks, f"{count}; the finding's own channel, {channel}")
    return Verdict(State.CONTAINED, risks, count)


def on_network(risks: Iterable[str]) -> bool:
    """Tell whether the host, or a part of it, is still on the network while these risks stand."""
    left = set(risks)
    return any(risk.on_network and risk.word in left for risk in registry.risks())


def own_channel(finding_types: Iterable[str], risks: Iterable[str]) -> str | None:
    """Return which channel of the findings themselves is left while these risks stand, as a clause; or None."""
    types, left = tuple(finding_types), set(risks)
    for risk in registry.risks():
        if risk.channel and risk.word in left and any(risk.channel.types.fullmatch(each) for each in types):
            return risk.channel.left
    return None


def _left(
    results: dict[str, AnyResult], host: Host, types: tuple[str, ...], users: tuple[str, ...]
) -> tuple[Risk, ...]:
    """Return the risks that a step leaves and no step answers, in the order of all risks."""
    left: set[Risk] = set()
    answered: set[Risk] = set()
    for step in registry.STEPS:
        aftermath = Aftermath(host, results.get(step.name), types, users)
        left.update(step.leaves(aftermath) if step.leaves is not None else ())
        answered.update(step.answers(aftermath) if step.answers is not None else ())
    return tuple(risk for risk in registry.risks() if risk in left - answered)


def _isolation(results: dict[str, AnyResult]) -> tuple[AnyResult | None, Isolation]:
    for step in registry.STEPS:
        result = results.get(step.name)
        if step.isolation is not None and result is not None:
            return result, step.isolation(result)
    return None, Isolation()

# SPDX-License-Identifier: Apache-2.0
"""Every check before a deployment: all at once, so that a person doesn't meet the problems one at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hub.deployment.model import DeploymentSettings
from hub.organization.caller import identify
from hub.organization.cdk import Tools
from hub.organization.check import Answer, Check, CheckOutcome, Ground, problem
from hub.organization.checks import guard, machine, operation, place, rollout, sources, stacks
from hub.organization.errors import CredentialsError
from hub.organization.parts import DeployedStack, DeploymentPart, stacks_of

_RUNNING = frozenset({DeploymentPart.HUB, DeploymentPart.FORWARDERS})
_ARRIVING = _RUNNING | {DeploymentPart.DETECTION}

HUB: tuple[tuple[Check, frozenset[DeploymentPart]], ...] = (
    (place.partition, frozenset(DeploymentPart)),
    (place.organization, frozenset(DeploymentPart)),
    (rollout.bootstrap, frozenset({DeploymentPart.HUB, DeploymentPart.MEMBERS})),
    (rollout.delegation, frozenset({DeploymentPart.MEMBERS})),
    (rollout.trusted_access, frozenset({DeploymentPart.MEMBERS})),
    (rollout.units, frozenset({DeploymentPart.MEMBERS})),
    (sources.administrator, _ARRIVING),
    (sources.guardduty, _ARRIVING),
    (sources.security_hub, _ARRIVING),
    (operation.notices, _RUNNING),
    (operation.kill_switch, frozenset({DeploymentPart.HUB, DeploymentPart.MEMBERS})),
    (stacks.leftovers, frozenset({DeploymentPart.HUB})),
    (stacks.forwarders, _RUNNING),
)
"""Each check of the hub account, with the parts that need it: a rollout by other means needs fewer checks."""
GUARD: tuple[Check, ...] = (
    place.partition,
    place.organization,
    guard.enabled,
    guard.head_room,
)


def preflight(settings: DeploymentSettings, tools: Tools, parts: Sequence[DeploymentPart]) -> list[Answer]:
    """Answer every check that these parts need; ask AWS nothing more once the credentials turn out to be wrong."""
    answers = [*machine.node(tools), *machine.cdk(tools)]
    try:
        ground = Ground(settings, identify(settings.home_region))
    except CredentialsError as error:
        return [
            *answers,
            problem("credentials", str(error), "aws sts get-caller-identity must succeed"),
        ]
    if DeploymentPart.GUARD in parts:
        whose, checks = place.management_account(ground), GUARD
    else:
        whose, checks = place.hub_account(ground), tuple(check for check, needing in HUB if needing & set(parts))
    answers += whose
    if any(each.outcome is CheckOutcome.PROBLEM for each in whose):
        return answers
    return [*answers, *_ask(ground, checks, stacks_of(settings, parts))]


def blocked(answers: Iterable[Answer]) -> bool:
    """Tell whether a problem stops the deployment."""
    return any(each.outcome is CheckOutcome.PROBLEM for each in answers)


def _ask(ground: Ground, checks: Iterable[Check], wanted: Iterable[DeployedStack]) -> list[Answer]:
    answers = [answer for check in checks for answer in check(ground)]
    return [*answers, *stacks.states(ground, wanted)]

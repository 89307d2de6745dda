# SPDX-License-Identifier: Apache-2.0
"""Everything that is asked before anything is deployed: all of it at once, so that nobody meets one at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from hub.deployment.model import DeploymentSettings
from hub.organization.caller import identify
from hub.organization.cdk import Tools
from hub.organization.check import Answer, Check, Ground, Standing, problem
from hub.organization.checks import guard, machine, place, rollout, sources, stacks
from hub.organization.errors import CredentialsError
from hub.organization.parts import Part, Stack, stacks_of

HUB: tuple[Check, ...] = (
    place.hub_account,
    place.partition,
    place.organization,
    rollout.bootstrap,
    rollout.delegation,
    rollout.trusted_access,
    rollout.units,
    stacks.leftovers,
    sources.guardduty,
    sources.security_hub,
)
GUARD: tuple[Check, ...] = (
    place.management_account,
    place.partition,
    place.organization,
    guard.enabled,
    guard.head_room,
)


def preflight(settings: DeploymentSettings, tools: Tools, parts: Sequence[Part]) -> list[Answer]:
    """Answer every check that these parts need; ask AWS nothing more once the credentials turn out to be wrong."""
    answers = [*machine.node(tools), *machine.cdk(tools)]
    try:
        ground = Ground(settings, identify(settings.home_region))
    except CredentialsError as error:
        return [
            *answers,
            problem("credentials", str(error), "aws sts get-caller-identity must succeed"),
        ]
    account, *rest = GUARD if Part.GUARD in parts else HUB
    whose = account(ground)
    answers += whose
    if any(each.standing is Standing.PROBLEM for each in whose):
        return answers
    return [*answers, *_ask(ground, rest, stacks_of(settings, parts))]


def blocked(answers: Iterable[Answer]) -> bool:
    """Tell whether something keeps from deploying."""
    return any(each.standing is Standing.PROBLEM for each in answers)


def _ask(ground: Ground, checks: Iterable[Check], wanted: Iterable[Stack]) -> list[Answer]:
    answers = [answer for check in checks for answer in check(ground)]
    return [*answers, *stacks.states(ground, wanted)]

# SPDX-License-Identifier: Apache-2.0
"""Take a deployment away, in the order in which no host is left that nobody can release.

First the organisation is switched off, so that nothing new is contained half-way. The members go before the hub: as
long as their roles are there, the hub that can release with them is there too. Table, buckets and keys are never
deleted; CloudFormation keeps them, and this command touches none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from functions import names
from functions.aws import errors
from functions.organization.control import ORGANIZATION
from hub.deployment.model import DeploymentSettings
from hub.organization.caller import Caller, identify, wrong_account
from hub.organization.errors import CredentialsError, NotThereError, RefusedError
from hub.organization.hub_account import HubAccount
from hub.organization.incidents import Line, incidents
from hub.organization.parts import Part, Stack, parts_of, stacks_of
from hub.organization.switch import switch

ORDER = (Part.MEMBERS, Part.FORWARDERS, Part.HUB)
"""Detection is not among them: without it the organisation would see nothing any more. It goes when asked for."""

_FUNCTIONS = (names.INTAKE, names.RELEASE, names.WATCH)
_SHOWN = 5


def parts_to_go(there: Sequence[Part], asked: Sequence[Part]) -> tuple[Part, ...]:
    """Return the parts to destroy, in order; raise ValueError where two accounts would be needed."""
    if Part.GUARD in asked and set(asked) != {Part.GUARD}:
        raise ValueError("the guard is the management account's, the rest the hub's: destroy --stack guard by itself")
    if not asked:
        return tuple(part for part in ORDER if part in there)
    return tuple(part for part in (*ORDER, Part.DETECTION, Part.GUARD) if part in asked)


@dataclass(frozen=True, slots=True)
class Leaving:
    """A deployment that is about to go. ``hub`` is None where the guard goes alone, with the management account's keys.

    despite: go even though incidents are open.
    """

    settings: DeploymentSettings
    parts: tuple[Part, ...]
    caller: Caller
    hub: HubAccount | None
    despite: bool

    @classmethod
    def begin(cls, settings: DeploymentSettings, asked: Sequence[Part], *, despite: bool) -> Leaving:
        """Check credentials and incidents; raise ValueError, CredentialsError, or RefusedError while some are open."""
        parts = parts_to_go(parts_of(settings), asked)
        if Part.GUARD in parts:
            caller = identify(settings.home_region)
            if caller.account != settings.management:
                raise CredentialsError(wrong_account(caller, settings, settings.management, "management"))
            return cls(settings, parts, caller, None, despite)
        hub = HubAccount.enter(settings)
        leaving = cls(settings, parts, hub.caller, hub, despite)
        leaving._refuse_while_open()
        return leaving

    def quiet(self) -> None:
        """Switch the organisation off, and look again: an incident may have begun since the first look."""
        if self.hub is None or not self._ends_work:
            return
        try:
            switch(self.hub, ORGANIZATION, "off")
        except NotThereError:
            return  # a deployment that never got as far as its table
        self._refuse_while_open()

    def take_away(self, delete: Callable[[Sequence[Stack]], int]) -> tuple[Part | None, int]:
        """Delete part after part with ``delete``; return the one that could not be, with its code, or None, 0."""
        for part in self.parts:
            stacks = stacks_of(self.settings, (part,))
            for stack in stacks:
                self._unprotect(stack)
            code = delete(stacks)
            if code:
                return part, code
        return None, 0

    def left(self) -> list[str]:
        """Return what stays after these parts are gone, on purpose."""
        if Part.HUB not in self.parts:
            return []
        settings = self.settings
        place = (settings.qualifier, settings.hub, settings.home_region)
        return [
            f"table {names.table(settings.qualifier)}",
            f"bucket {names.evidence_bucket(*place)}",
            f"bucket {names.policy_bucket(*place)}",
            *(f"log group {names.log_group(settings.qualifier, each)}" for each in _FUNCTIONS),
        ]

    def told(self, failed: Part | None, code: int) -> str:
        """Return the sentence about how it ended."""
        if failed is None:
            return f"Destroyed: {', '.join(self.parts)}."
        still_off = " The organisation stays switched off." if self._ends_work else ""
        return (
            f"The CDK ended with exit code {code} at {failed}; what it printed says why. Put that right and give the "
            f"same command again.{still_off}"
        )

    @property
    def _ends_work(self) -> bool:
        """Whether hosts can't be contained or released any more afterwards."""
        return bool({Part.HUB, Part.MEMBERS} & set(self.parts))

    def _unprotect(self, stack: Stack) -> None:
        """Let CloudFormation delete a stack; one that is not there needs no leave."""
        try:
            self.caller.client("cloudformation", stack.region).update_termination_protection(
                StackName=stack.name, EnableTerminationProtection=False
            )
        except errors.AwsError as error:
            if errors.code(error) != "ValidationError" or "does not exist" not in errors.message(error):
                raise RefusedError(f"{stack.name} is protected from deletion: {errors.message(error)}") from error

    def _refuse_while_open(self) -> None:
        if self.hub is None or self.despite or not self._ends_work:
            return
        try:
            still = [line for line in incidents(self.hub) if line.is_open]
        except NotThereError:
            return  # a deployment that never got as far as its table
        if still:
            raise RefusedError(_about(still))


def _about(still: Sequence[Line]) -> str:
    shown = ", ".join(f"{line.incident} ({line.state.value}, {line.instance})" for line in still[:_SHOWN])
    more = f" and {len(still) - _SHOWN} more" if len(still) > _SHOWN else ""
    number = f"{len(still)} incident{' is' if len(still) == 1 else 's are'} open"
    return (
        f"{number}: {shown}{more}. Without this deployment their hosts can be released by hand alone: release them "
        "first (cordon release), or give --despite-open-incidents."
    )

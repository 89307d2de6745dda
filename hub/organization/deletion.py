# SPDX-License-Identifier: Apache-2.0
"""Deletes stacks by their names; a stack is gone only when CloudFormation no longer knows it.

It doesn't use the CDK, which knows only the stacks that the settings still ask for, and succeeds where it finds none.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from functions.aws import errors
from hub.organization.caller import Caller
from hub.organization.errors import OrganizationError, RefusedError
from hub.organization.parts import DeployedStack
from hub.organization.status import absent, described

_PAUSE_SECONDS = 5.0

Announce = Callable[[str], None]


def _pause() -> None:
    time.sleep(_PAUSE_SECONDS)


@dataclass(slots=True)
class Deletion:
    """What was deleted so far. ``begun``: a deletion was requested, and CloudFormation may have begun."""

    caller: Caller
    announce: Announce
    begun: bool = False
    destroyed: list[str] = field(default_factory=list)
    were_absent: list[str] = field(default_factory=list)

    def delete(self, stacks: Iterable[DeployedStack]) -> None:
        """Delete some stacks at once and wait until they are gone.

        Raises RefusedError where AWS refuses, OrganizationError where CloudFormation could not delete one or does not
        say how it went.
        """
        there = [stack for stack in stacks if self._is_there(stack)]
        for stack in there:
            self._unprotect(stack)
        for stack in there:
            self.announce(f"Deleting {stack.name} in {stack.region} ...")
            self._begin(stack)
        for stack in there:
            self._wait(stack)

    def _is_there(self, stack: DeployedStack) -> bool:
        found = bool(self._described(stack))
        if not found:
            self.were_absent.append(stack.name)
        return found

    def _unprotect(self, stack: DeployedStack) -> None:
        try:
            self.caller.client("cloudformation", stack.region).update_termination_protection(
                StackName=stack.name, EnableTerminationProtection=False
            )
        except errors.AwsError as error:
            if not absent(error):
                raise RefusedError(f"{stack.name} is protected from deletion: {errors.message(error)}") from error

    def _begin(self, stack: DeployedStack) -> None:
        try:
            # Without RoleARN: with the role that made the stack, if it had one (DeleteStack, API reference).
            self.caller.client("cloudformation", stack.region).delete_stack(StackName=stack.name)
        except errors.AwsError as error:
            self.begun = self.begun or errors.ambiguous(error)
            raise RefusedError(f"{stack.name} was not deleted: {errors.message(error)}") from error
        self.begun = True

    def _wait(self, stack: DeployedStack) -> None:
        while found := self._described(stack):
            if not found["StackStatus"].endswith("_IN_PROGRESS"):
                why = found.get("StackStatusReason", "the stack's events in CloudFormation say why")
                raise OrganizationError(
                    f"{stack.name} in {stack.region} is {found['StackStatus']}: {why}. Correct that and give the "
                    "same command again."
                )
            _pause()
        self.destroyed.append(stack.name)

    def _described(self, stack: DeployedStack) -> dict[str, str]:
        try:
            return described(self.caller.client("cloudformation", stack.region), stack.name)
        except errors.AwsError as error:
            raise OrganizationError(
                f"AWS did not answer the status of {stack.name} in {stack.region}: {errors.message(error)}"
            ) from error

# SPDX-License-Identifier: Apache-2.0
"""Remove a deployment, in an order that leaves no contained host without its release function.

First it switches the organisation off, so that no new containment begins. It deletes the members before the hub: as
long as their roles exist, the hub that can release with them exists too. Table, buckets, dead letters and logs are
never deleted; CloudFormation keeps them, and this command touches none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from functions import names
from functions.aws import errors
from functions.organization.control import ORGANIZATION
from hub.deployment.model import DeploymentSettings
from hub.organization.caller import Caller, identify, wrong_account
from hub.organization.check import Ground
from hub.organization.checks.stacks import remains
from hub.organization.deletion import Deletion
from hub.organization.errors import AskedError, CredentialsError, NotThereError, OrganizationError, RefusedError
from hub.organization.forwarders import Strays, strays
from hub.organization.hub_account import HubAccount
from hub.organization.incidents import Line, incidents
from hub.organization.parts import DeployedStack, DeploymentPart, stacks_of
from hub.organization.switch import switch

ORDER = (DeploymentPart.MEMBERS, DeploymentPart.FORWARDERS, DeploymentPart.HUB)
"""Detection is not among them: only ``--stack detection`` removes it."""

_SHOWN = 5


def parts_to_go(asked: Sequence[DeploymentPart]) -> tuple[DeploymentPart, ...]:
    """Return the parts to destroy, in order; raise AskedError where two accounts would be needed.

    Whatever the settings say now: what was taken out of them may still stand.
    """
    if DeploymentPart.GUARD in asked and set(asked) != {DeploymentPart.GUARD}:
        raise AskedError(
            "the guard is in the management account, the rest in the hub account: use destroy --stack guard alone"
        )
    return tuple(part for part in (*ORDER, DeploymentPart.DETECTION, DeploymentPart.GUARD) if part in (asked or ORDER))


@dataclass(slots=True)
class Leaving:
    """A deployment that is removed. ``hub`` is None where only the guard is, with the management account's keys.

    despite: go even though hosts are left that can be released. unanswered: open incidents that changed no host.
    """

    settings: DeploymentSettings
    parts: tuple[DeploymentPart, ...]
    caller: Caller
    hub: HubAccount | None
    despite: bool
    strays: Strays
    unanswered: list[Line] = field(default_factory=list)
    _threw: bool = False
    _stays_off: bool = False

    @classmethod
    def begin(cls, settings: DeploymentSettings, asked: Sequence[DeploymentPart], *, despite: bool) -> Leaving:
        """Check credentials and incidents; raise AskedError, CredentialsError, or RefusedError."""
        parts = parts_to_go(asked)
        if DeploymentPart.GUARD in parts:
            caller = identify(settings.home_region)
            if caller.account != settings.management:
                raise CredentialsError(wrong_account(caller, settings, settings.management, "management"))
            return cls(settings, parts, caller, None, despite, Strays())
        hub = HubAccount.enter(settings)
        found = _strays(Ground(settings, hub.caller)) if DeploymentPart.FORWARDERS in parts else Strays()
        leaving = cls(settings, parts, hub.caller, hub, despite, found)
        leaving._refuse_while_contained()
        return leaving

    def stacks(self, part: DeploymentPart) -> tuple[DeployedStack, ...]:
        """Return the stacks of a part, with forwarders that the settings no longer name."""
        more = self.strays.stacks if part is DeploymentPart.FORWARDERS else ()
        return (*stacks_of(self.settings, (part,)), *more)

    def go(self, deletion: Deletion) -> None:
        """Delete part after part; raise what ``Deletion`` does, or RefusedError for an incident that began meanwhile.

        The switch is back as it was if nothing was deleted; else ``aftermath`` says that it is off.
        """
        with self._quiet(deletion):
            for part in self.parts:
                deletion.delete(self.stacks(part))

    def aftermath(self) -> str:
        """Return a sentence if the organisation stays switched off, or nothing."""
        if not self._stays_off:
            return ""
        return (
            f"The organisation stays switched off in table {names.table(self.settings.qualifier)}. To switch it "
            f"on again: cordon switch on {ORGANIZATION}."
        )

    def left(self) -> list[str]:
        """Return what stays after these parts are gone, on purpose; raise OrganizationError if AWS does not say."""
        detection = ["settings of Security Hub and GuardDuty"] if DeploymentPart.DETECTION in self.parts else []
        if DeploymentPart.HUB not in self.parts:
            return detection
        try:
            return [*detection, *remains(Ground(self.settings, self.caller))]
        except errors.AwsError as error:
            raise OrganizationError(f"AWS did not answer what is left: {errors.message(error)}") from error

    @property
    def _ends_work(self) -> bool:
        """Whether hosts can't be contained or released any more afterwards."""
        return bool({DeploymentPart.HUB, DeploymentPart.MEMBERS} & set(self.parts))

    @contextmanager
    def _quiet(self, deletion: Deletion) -> Iterator[None]:
        """Keep the organisation switched off inside, and after it if something was deleted."""
        self._throw()
        try:
            self._refuse_while_contained()  # an incident may have begun since the first look
            yield
        finally:
            if self._threw and not deletion.begun:
                self._take_back()

    def _throw(self) -> None:
        if self.hub is None or not self._ends_work:
            return
        try:
            self._threw = switch(self.hub, ORGANIZATION, "off").changed
        except NotThereError:
            return  # a deployment that never got as far as its table
        self._stays_off = True

    def _take_back(self) -> None:
        if self.hub is None:
            return
        try:
            switch(self.hub, ORGANIZATION, "on")
        except OrganizationError:
            return  # it stays off, and aftermath says so
        self._stays_off = False

    def _refuse_while_contained(self) -> None:
        if self.hub is None or self.despite or not self._ends_work:
            return
        try:
            found = incidents(self.hub)
        except NotThereError:
            return  # a deployment that never got as far as its table
        self.unanswered = [line for line in found.lines if line.is_open and not line.to_release]
        still = [line for line in found.lines if line.to_release]
        if found.refused:
            raise RefusedError(
                f"{found.refused[0].reason}. What that incident changed is not known: release it first with the "
                "version that recorded it, or give --despite-open-incidents."
            )
        if still:
            raise RefusedError(_about(still))


def _strays(ground: Ground) -> Strays:
    try:
        return strays(ground)
    except errors.AwsError as error:
        return Strays(not_asked={"other Regions": errors.message(error)})


def shown(lines: Sequence[Line]) -> str:
    """Return incidents in words, the first few."""
    more = f" and {len(lines) - _SHOWN} more" if len(lines) > _SHOWN else ""
    return ", ".join(f"{line.incident} ({line.state}, {line.instance})" for line in lines[:_SHOWN]) + more


def _about(still: Sequence[Line]) -> str:
    number = f"{len(still)} incident{' has' if len(still) == 1 else 's have'} something to put back"
    return (
        f"{number}: {shown(still)}. Without this deployment their hosts can be released only by hand: release them "
        "first (cordon release), or give --despite-open-incidents."
    )

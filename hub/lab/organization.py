# SPDX-License-Identifier: Apache-2.0
"""The organisations of the lab: that of the committed lock file, and a foreign one.

Ids are given, not drawn: findings name accounts, and policy names them too.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Self

from hub.deployment.model import DeploymentSettings
from hub.policy.lock import Lock

STRANGERS_MANAGEMENT = "909090909090"
STRANGER = "919191919191"
_STRANGERS_ORGANIZATION = "o-strangersorg"


@dataclass(frozen=True, slots=True)
class LabAccount:
    """An account; ``ou`` is a path such as ``/Workloads/Prod``, or ``/``."""

    name: str
    ou: str


@dataclass(frozen=True, slots=True)
class LabOrganization:
    """An organisation: its accounts by id, the management account not among them."""

    id: str
    management: str
    members: Mapping[str, LabAccount]


@dataclass(frozen=True, slots=True)
class LabWorld:
    """What the lab's process has to know before it starts."""

    organizations: tuple[LabOrganization, ...]
    hub: str
    home_region: str
    qualifier: str

    @classmethod
    def of(cls, lock: Lock, settings: DeploymentSettings) -> Self:
        """Return the organisation of the lock file, and the foreign one."""
        members = {account: LabAccount(each.name, each.ou) for account, each in lock.accounts.items()}
        ours = LabOrganization(lock.organization, settings.management, members)
        strangers = LabOrganization(
            _STRANGERS_ORGANIZATION, STRANGERS_MANAGEMENT, {STRANGER: LabAccount("stranger", "/")}
        )
        return cls((ours, strangers), lock.hub, settings.home_region, settings.qualifier)

    @property
    def ours(self) -> LabOrganization:
        """The organisation that Cordon is deployed in."""
        return self.organizations[0]

    def rollout(self) -> tuple[list[str], list[str]]:
        """Return the OUs of canary and rest: first the smallest without the hub, then all others, none within another.

        Accounts that are directly below the root are not reached.
        """
        members = self.ours.members.values()
        holding = sorted({each.ou for each in members} - {"/"})
        units = [unit for unit in holding if not any(unit.startswith(f"{above}/") for above in holding)]
        sizes = {unit: sum(f"{each.ou}/".startswith(f"{unit}/") for each in members) for unit in units}
        home = f"{self.ours.members[self.hub].ou}/"
        canary = min((unit for unit in units if not home.startswith(f"{unit}/")), key=lambda unit: sizes[unit])
        return [canary], [unit for unit in units if unit != canary]

    def dumps(self) -> str:
        """Return the world as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def loads(cls, text: str) -> Self:
        """Read what ``dumps`` wrote."""
        data = json.loads(text)
        organizations = tuple(
            LabOrganization(
                each["id"],
                each["management"],
                {account: LabAccount(**member) for account, member in each["members"].items()},
            )
            for each in data.pop("organizations")
        )
        return cls(organizations=organizations, **data)

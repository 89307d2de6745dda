# SPDX-License-Identifier: Apache-2.0
"""The committed picture of the organisation: which accounts there are, and in which OU.

It serves checking, comparing and explaining. At run time the directory that the sweep keeps is asked instead, so that
an account that was made or moved since is covered by the policy of where it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from hub.policy import shape
from hub.policy.errors import PolicyErrors
from hub.policy.layers import name_of
from hub.policy.reader import Document, read

LOCK = "organization.lock.json"


@dataclass(frozen=True, slots=True)
class LockedAccount:
    """An account; ``ou`` is a path such as ``/Workloads/Prod``, or ``/``."""

    id: str
    name: str
    ou: str


@dataclass(frozen=True, slots=True)
class Lock:
    """The organisation as committed."""

    organization: str
    hub: str
    forensics: str | None
    accounts: Mapping[str, LockedAccount]
    document: Document


def read_lock(directory: Path) -> Lock:
    """Read ``organization.lock.json``; raise PolicyErrors with everything that is wrong with it."""
    path = directory / LOCK
    document = read(path, name_of(directory, path))
    errors = shape.check(document, shape.LockShape)
    if errors:
        raise PolicyErrors(errors)
    data = document.data
    return Lock(
        organization=data["organization"],
        hub=data["hub"],
        forensics=data.get("forensics"),
        accounts={
            account: LockedAccount(account, each["name"], each["ou"]) for account, each in data["accounts"].items()
        },
        document=document,
    )

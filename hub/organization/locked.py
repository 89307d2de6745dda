# SPDX-License-Identifier: Apache-2.0
"""Write the lock file again from Organizations; it keeps the hub and the forensics account, or takes new ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from hub.deployment.regions import partitions
from hub.organization.accounts import accounts_of, organization_of
from hub.organization.caller import identify
from hub.organization.errors import AskedError, OrganizationError
from hub.policy.layers import DEPLOYMENT, name_of
from hub.policy.lock import LOCK, Lock, changes, read_lock, spelt
from hub.policy.reader import read


@dataclass(frozen=True, slots=True)
class Locked:
    """What was written. ``changed``: a line for each difference; ``warnings``: what has to be corrected."""

    file: Path
    accounts: int
    changed: tuple[str, ...]
    warnings: tuple[str, ...]


def renew(directory: Path, *, hub: str | None, forensics: str | None) -> Locked:
    """Ask Organizations and write the file, unless nothing changed.

    Raises AskedError where nothing says which account is the hub, PolicyErrors for a file that can't be read,
    OrganizationError.
    """
    before = read_lock(directory) if (directory / LOCK).exists() else None
    hub = hub or (before.hub if before else None)
    forensics = forensics or (before.forensics if before else None)
    if hub is None:
        raise AskedError(f"{directory / LOCK} is not there: give --hub, and --forensics")
    caller = identify(_home_region(directory))
    organization, accounts = organization_of(caller), accounts_of(caller)
    text = spelt(organization, hub, forensics, accounts)
    path = directory / LOCK
    if before is None or path.read_text(encoding="utf-8") != text:
        _write(path, text)
    named = {"hub": hub, "forensics": forensics}
    known = before.accounts if before else {}
    return Locked(
        path,
        len(accounts),
        (
            *_heads(before, {"organization": organization, **named}),
            *changes(known, accounts),
        ),
        tuple(
            f"the {name} account {account} is no active account of the organisation"
            for name, account in named.items()
            if account is not None and account not in accounts
        ),
    )


def _heads(before: Lock | None, after: dict[str, str | None]) -> list[str]:
    known = {name: getattr(before, name, None) for name in after}
    return [f"~ {name} {known[name] or 'none'} -> {now or 'none'}" for name, now in after.items() if known[name] != now]


def _home_region(directory: Path) -> str:
    """Return the Region to ask in: Organizations is one for a whole partition."""
    path = directory / DEPLOYMENT
    region = str(read(path, name_of(directory, path)).data.get("home_region"))
    if region not in partitions():
        raise AskedError(f"home_region in {path} is {region!r}, which is no Region of AWS")
    return region


def _write(path: Path, text: str) -> None:
    """Replace the file at once, so that no reader finds an incomplete one."""
    new = path.with_name(f".{path.name}.new")
    try:
        new.write_text(text, encoding="utf-8")
        new.replace(path)
    except OSError as error:
        raise OrganizationError(f"{path} can't be written: {error.strerror}") from error

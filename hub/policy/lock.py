# SPDX-License-Identifier: Apache-2.0
"""The committed picture of the organisation: which accounts there are, and in which OU.

It is for checking, comparing and explaining. At run time the functions use the published directory instead, so that
an account that was made or moved since is covered by the policy of where it is.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hub.policy import shape
from hub.policy.errors import PolicyErrors
from hub.policy.layers import name_of
from hub.policy.reader import Document, parse, read

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
    return _lock(read(path, name_of(directory, path)))


def spelt(organization: str, hub: str, forensics: str | None, accounts: Mapping[str, LockedAccount]) -> str:
    """Return the text of a lock file, a line for each account by id: the same organisation gives the same bytes.

    Raises PolicyErrors where such a file could not be read again.
    """
    head = {"organization": organization, "hub": hub, "forensics": forensics}
    lines = [f"  {_json(key)}: {_json(value)}," for key, value in head.items() if value is not None]
    rows = [
        f"    {_json(account.id)}: {_json({'name': account.name, 'ou': account.ou})}"
        for account in sorted(accounts.values(), key=lambda account: account.id)
    ]
    text = "\n".join(["{", *lines, '  "accounts": {', ",\n".join(rows), "  }", "}"]) + "\n"
    _lock(parse(text, LOCK, LOCK))
    return text


def changes(before: Mapping[str, LockedAccount], after: Mapping[str, LockedAccount]) -> Iterator[str]:
    """Yield what is different, a line for each account: ``+`` new, ``-`` gone, ``~`` moved or renamed."""
    for account in sorted({*before, *after}):
        was, now = before.get(account), after.get(account)
        if was is None and now is not None:
            yield f"+ {account} {now.name} in {now.ou}"
        elif now is None and was is not None:
            yield f"- {account} {was.name} in {was.ou}"
        elif was is not None and now is not None and was != now:
            yield f"~ {account} {was.name} in {was.ou} -> {now.name} in {now.ou}"


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


def _lock(document: Document) -> Lock:
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

# SPDX-License-Identifier: Apache-2.0
"""The directory: the accounts of the organisation, each with its OU.

It is one document; functions load it beside the policy bundle, and again when the control record names a newer one. An
account that is not in it is looked up once, so that policy covers a new account at once.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field

from functions.aws import errors
from functions.aws.clients import AwsClient

SCHEMA = 1
_NOT_OURS = frozenset({"AccountNotFoundException", "ChildNotFoundException"})


class DirectoryError(Exception):
    """The directory can't be read, or Organizations could not be asked; attributes: ``problem``."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem


@dataclass(frozen=True, slots=True)
class Directory:
    """Accounts by id, each with the path of its OU (``/`` is the root)."""

    organization: str
    accounts: dict[str, str] = field(default_factory=dict)

    def dumps(self) -> bytes:
        """Return the document; the same content gives the same bytes."""
        document = {"schema": SCHEMA, "organization": self.organization, "accounts": self.accounts}
        return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()

    @property
    def digest(self) -> str:
        """SHA-256 of the document, in hexadecimal."""
        return hashlib.sha256(self.dumps()).hexdigest()

    @classmethod
    def loads(cls, data: bytes) -> Directory:
        """Read the document; raise DirectoryError when it isn't one."""
        try:
            document = json.loads(data)
            if document["schema"] != SCHEMA:
                raise DirectoryError(f"the directory has schema {document['schema']!r}, not {SCHEMA}")
            accounts = {str(account): str(path) for account, path in document["accounts"].items()}
            return cls(str(document["organization"]), accounts)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DirectoryError(f"the directory can't be read: {error}") from error


def object_key(digest: str) -> str:
    """Return where in the policy bucket the directory of that digest lies."""
    return f"directory/{digest}.json"


def look_up(organizations: AwsClient, account: str) -> str | None:
    """Return the OU path of an account, or None when the organisation has no such account.

    Raises DirectoryError when Organizations can't be asked: then nothing is proven and nothing may be done.
    """
    try:
        organizations.describe_account(AccountId=account)
        names: list[str] = []
        child = account
        while True:
            parent = organizations.list_parents(ChildId=child)["Parents"][0]
            if parent["Type"] == "ROOT":
                return "/" + "/".join(reversed(names))
            child = parent["Id"]
            unit = organizations.describe_organizational_unit(OrganizationalUnitId=child)
            names.append(str(unit["OrganizationalUnit"]["Name"]))
    except errors.AwsError as error:
        if errors.code(error) in _NOT_OURS:
            return None
        raise DirectoryError(f"the organisation could not be asked about {account}: {errors.message(error)}") from error

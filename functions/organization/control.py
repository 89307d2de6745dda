# SPDX-License-Identifier: Apache-2.0
"""The hub's own facts, read consistently at the start of every run, in one call.

The control record names the bundle and the directory in force, and has what is switched off. Beside it, for the account
of the target: the quarantine groups that Cordon made there, and the number of containments of the present hour.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from functions.aws.clients import AwsClient
from functions.aws.retry import doubling, repeat
from functions.finding.model import Target
from functions.incident.claim_document import may_be_isolated
from functions.incident.conflict import writing
from functions.incident.items import (
    CONTROL_KEY,
    account_key,
    claim_key,
    from_item,
    groups_key,
    moment,
    stamp,
    to_item,
    usage_key,
)
from functions.policy.model import Usage
from functions.runtime import Runtime

ORGANIZATION = "organization"
MADE = "made"
"""Attribute of the groups' item: every quarantine group that Cordon ever made there, trusted now or not."""

FOUND_VALID = timedelta(hours=1)
"""How long what Organizations said of one account counts. Long enough that a burst of findings from a new account asks
once; short enough that an account which moved or left meanwhile is not treated by its old OU for long."""

_KEYS_A_CALL = 100
"""Keys that BatchGetItem takes (DynamoDB's API reference)."""

_TRIES = 5
_FIRST_PAUSE_SECONDS = 0.05


class ControlError(Exception):
    """The hub's own record could not be read completely; nothing may be done without it."""


@dataclass(frozen=True, slots=True)
class Control:
    """Digests of what is in force, and what is switched off (``organization``, an OU path, an account id)."""

    bundle: str | None = None
    directory: str | None = None
    switched_off: frozenset[str] = frozenset()

    def off_for(self, account: str, ou: str) -> tuple[str, ...]:
        """Return the switched-off scopes that this account is in, in words, widest first."""
        scopes = []
        if ORGANIZATION in self.switched_off:
            scopes.append("the organisation")
        path = ""
        for name in ["", *ou.strip("/").split("/")]:
            path = f"{path.rstrip('/')}/{name}"
            if path in self.switched_off:
                scopes.append(f"OU {path}")
        if account in self.switched_off:
            scopes.append(f"account {account}")
        return tuple(dict.fromkeys(scopes))


@dataclass(frozen=True, slots=True)
class Facts:
    """What one read of the hub's records says. ``groups`` maps ``vpc#profile`` to a group id."""

    control: Control
    groups: Mapping[str, str] = field(default_factory=dict)
    made: frozenset[str] = frozenset()
    usage: Usage = field(default_factory=Usage)
    organization_usage: int = 0
    known_ou: str | None = None


class HubRecords:
    """The hub's records in the table. Methods raise what DynamoDB raises."""

    def __init__(self, dynamodb: AwsClient, table: str, runtime: Runtime) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._runtime = runtime

    def control(self) -> Control:
        """Read the control record alone."""
        answer = self._dynamodb.get_item(TableName=self._table, Key=to_item(CONTROL_KEY), ConsistentRead=True)
        return _control(from_item(answer.get("Item", {})))

    def facts(self, target: Target, now: datetime) -> Facts:
        """Read everything about the target's account in one consistent call; raise ControlError if it isn't whole."""
        keys = {
            "control": CONTROL_KEY,
            "groups": groups_key(target.account, target.region),
            "usage": usage_key(target.account, now),
            "organization": usage_key(ORGANIZATION, now),
            "account": account_key(target.account),
        }
        found = self._read(list(keys.values()))
        values = {name: found.get((key["pk"], key["sk"]), {}) for name, key in keys.items()}
        return Facts(
            control=_control(values["control"]),
            groups={name: value for name, value in values["groups"].items() if name not in {"pk", "sk", MADE}},
            made=frozenset(values["groups"].get(MADE, ())),
            usage=Usage(account=int(values["usage"].get("containments", 0))),
            organization_usage=int(values["organization"].get("containments", 0)),
            known_ou=_found_lately(values["account"], now),
        )

    def remember_account(self, account: str, ou: str) -> None:
        """Record where an account is that the directory doesn't have yet."""
        values = {**account_key(account), "ou": ou, "found_at": stamp(self._runtime.clock.now())}
        writing(lambda: self._dynamodb.put_item(TableName=self._table, Item=to_item(values)), self._runtime)

    def record_group(self, target: Target, name: str, group: str) -> None:
        """Record a quarantine group under ``vpc#profile``: from now on it is trusted by its id."""
        writing(
            lambda: self._dynamodb.update_item(
                TableName=self._table,
                Key=to_item(groups_key(target.account, target.region)),
                UpdateExpression="SET #name = :group",
                ExpressionAttributeNames={"#name": name},
                ExpressionAttributeValues=to_item({":group": group}),
            ),
            self._runtime,
        )

    def note_made(self, target: Target, group: str) -> None:
        """Note that Cordon made a group, before anything wears it. Never taken back: a release must know it as ours."""
        writing(
            lambda: self._dynamodb.update_item(
                TableName=self._table,
                Key=to_item(groups_key(target.account, target.region)),
                UpdateExpression="ADD #made :group",
                ExpressionAttributeNames={"#made": MADE},
                ExpressionAttributeValues=to_item({":group": {group}}),
            ),
            self._runtime,
        )

    def group(self, target: Target, name: str) -> str | None:
        """Read one recorded quarantine group again."""
        answer = self._dynamodb.get_item(
            TableName=self._table, Key=to_item(groups_key(target.account, target.region)), ConsistentRead=True
        )
        return from_item(answer.get("Item", {})).get(name)

    def contained(self, targets: Iterable[Target]) -> set[Target]:
        """Return those of the targets that are in an incident which isolates its host, or is about to.

        Raises ControlError if the claims could not be read completely.
        """
        by_key = {(key["pk"], key["sk"]): target for target in targets for key in [claim_key(target)]}
        keys = [{"pk": partition, "sk": sort} for partition, sort in by_key]
        found: set[Target] = set()
        for at in range(0, len(keys), _KEYS_A_CALL):
            for key, claim in self._read(keys[at : at + _KEYS_A_CALL]).items():
                if may_be_isolated(claim):
                    found.add(by_key[key])
        return found

    def _read(self, keys: list[dict[str, str]]) -> dict[tuple[str, str], dict[str, Any]]:
        found: dict[tuple[str, str], dict[str, Any]] = {}
        request: dict[str, Any] = {self._table: {"Keys": [to_item(key) for key in keys], "ConsistentRead": True}}

        def unread() -> dict[str, Any]:
            nonlocal request
            answer = self._dynamodb.batch_get_item(RequestItems=request)
            for item in map(from_item, answer["Responses"].get(self._table, [])):
                found[item["pk"], item["sk"]] = item
            request = answer.get("UnprocessedKeys") or {}
            return request

        pauses = doubling(_FIRST_PAUSE_SECONDS, _TRIES - 1)
        if repeat(unread, while_=bool, pauses=pauses, clock=self._runtime.clock):
            raise ControlError("the hub's records could not be read completely")
        return found


def _control(values: Mapping[str, Any]) -> Control:
    return Control(
        bundle=values.get("bundle"),
        directory=values.get("directory"),
        switched_off=frozenset(values.get("switched_off", ())),
    )


def _found_lately(values: Mapping[str, Any], now: datetime) -> str | None:
    """Return the OU path of an account that was looked up, or None when that is too long ago to count."""
    found_at = moment(values.get("found_at", ""))
    return values.get("ou") if found_at is not None and now - found_at < FOUND_VALID else None

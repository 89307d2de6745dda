# SPDX-License-Identifier: Apache-2.0
"""Shared resources: a role, an IAM user or a network ACL that several incidents change at the same time.

Hosts share roles, and subnets share network ACLs. One incident may still need what another one changed, and the second
incident does not find the resource as it was. So the hub keeps, for each shared resource, its original and the
incidents that use it. The original of the first incident counts; a later one only adds what the first didn't know. The
incident that releases the resource last restores it, and no other can acquire it meanwhile.

Each incident has a share of the resource (a slot, numbers of rules). It is chosen with the shares of the others at
hand, so that no two are the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from botocore.exceptions import ClientError

from functions.aws import errors
from functions.aws.clients import AwsClient
from functions.incident.conflict import writing
from functions.incident.items import dump, from_item, moment, shared_resource_key, stamp, to_item
from functions.runtime import Runtime

RESTORE_TIME = timedelta(seconds=60)
"""How long the last incident may take to restore the resource. After that others take it to have died."""

RESTORING_CALL_TIME = timedelta(seconds=50)
"""How long one restoring call may take: four attempts of ten seconds (functions.aws.clients.CONFIG), and the pauses."""

_CONDITION_FAILED = "ConditionalCheckFailedException"
_TRIES = 12
_PAUSE_SECONDS = 0.5


class ResourceBusyError(Exception):
    """The resource can't be acquired or released now; a later try may succeed."""

    code = "ResourceBusy"


@dataclass(frozen=True, slots=True)
class SharedUse:
    """The use of a resource after the call: ``share`` is this incident's, ``others`` are those of other incidents."""

    share: Any
    others: Mapping[str, Any]
    original: Mapping[str, Any]

    @property
    def last(self) -> bool:
        """Whether no other incident uses it."""
        return not self.others


@dataclass(frozen=True, slots=True)
class _Stored:
    incidents: dict[str, Any]
    original: dict[str, Any]
    version: int
    restoring: str | None
    until: str


class SharedResources:
    """Shared resources in the table. Methods raise what DynamoDB raises, and ResourceBusyError."""

    def __init__(self, dynamodb: AwsClient, table: str, runtime: Runtime) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._runtime = runtime

    def acquire(
        self,
        account: str,
        resource: str,
        incident: str,
        original: Mapping[str, Any],
        choose_share: Callable[[Mapping[str, Any]], Any],
    ) -> SharedUse:
        """Acquire a resource before it is changed; return this incident's share and the resource's original.

        ``choose_share`` gets the shares of the others (incident -> share) and returns a new one, or raises. An incident
        that uses the resource already keeps its share. The write is conditional, so that of two at once one sees the
        other.
        """
        for _ in range(_TRIES):
            stored = self._read(account, resource)
            if stored is not None and stored.restoring not in {None, incident} and not self._over(stored):
                self._runtime.clock.sleep(_PAUSE_SECONDS)
                continue
            incidents = dict(stored.incidents) if stored is not None else {}
            merged_original = merged(stored.original, original) if stored is not None else dict(original)
            others = {name: share for name, share in incidents.items() if name != incident}
            share = incidents[incident] if incident in incidents else choose_share(others)
            if self._write(account, resource, stored, {**others, incident: share}, merged_original):
                return SharedUse(share, others, merged_original)
        raise ResourceBusyError(
            f"{resource} is being put back by another incident's release, or changed by many at once"
        )

    def release(self, account: str, resource: str, incident: str) -> SharedUse | None:
        """Release a resource; return its use now, or None where this incident neither uses it nor released it last.

        The incident that releases it last keeps others out until ``finish_restore``: it has to restore the resource.
        """
        for _ in range(_TRIES):
            stored = self._read(account, resource)
            if stored is None:
                return None
            share = stored.incidents.get(incident)
            others = {name: each for name, each in stored.incidents.items() if name != incident}
            if incident not in stored.incidents and (stored.restoring != incident or others):
                return None
            restoring = incident if not others else None
            if self._write(account, resource, stored, others, stored.original, restoring=restoring):
                return SharedUse(share, others, stored.original)
        raise ResourceBusyError(f"{resource} is being changed by many incidents at once")

    def finish_restore(self, account: str, resource: str, incident: str) -> None:
        """Write that the last incident has restored the resource: the next one finds it without an original.

        Nothing is deleted: no function of the hub may delete what is in the table. Raises ResourceBusyError where
        another incident has acquired it since, because this took too long.
        """
        for _ in range(_TRIES):
            stored = self._read(account, resource)
            if stored is None or (stored.restoring is None and not stored.incidents):
                return  # a write that timed out took effect
            _refuse_others(stored, resource, incident)
            if self._write(account, resource, stored, {}, {}):
                return
        raise ResourceBusyError(f"{resource} is being changed by many incidents at once")

    def extend_restore(self, account: str, resource: str, incident: str) -> None:
        """Make sure that this incident still keeps others out, for as long as one more call takes.

        Raises ResourceBusyError where another incident has acquired it since, because restoring took too long.
        """
        for _ in range(_TRIES):
            stored = self._read(account, resource)
            if stored is None:
                raise ResourceBusyError(f"no incident uses {resource}")
            _refuse_others(stored, resource, incident)
            if not self._over(stored, within=RESTORING_CALL_TIME):
                return
            if self._write(account, resource, stored, {}, stored.original, restoring=incident):
                return
        raise ResourceBusyError(f"{resource} is being changed by many incidents at once")

    def _over(self, stored: _Stored, *, within: timedelta = timedelta()) -> bool:
        until = moment(stored.until)
        return until is None or until < self._runtime.clock.now() + within

    def _read(self, account: str, resource: str) -> _Stored | None:
        key = to_item(shared_resource_key(account, resource))
        answer = self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        if "Item" not in answer:
            return None
        values = from_item(answer["Item"])
        return _Stored(
            incidents=json.loads(values["incidents"]),
            original=json.loads(values["original"]),
            version=int(values["version"]),
            restoring=values.get("restoring"),
            until=values.get("until", ""),
        )

    def _write(
        self,
        account: str,
        resource: str,
        stored: _Stored | None,
        incidents: Mapping[str, Any],
        original: Mapping[str, Any],
        *,
        restoring: str | None = None,
    ) -> bool:
        item = {
            **shared_resource_key(account, resource),
            "incidents": dump(incidents),
            "original": dump(original),
            "version": stored.version + 1 if stored is not None else 1,
            "restoring": restoring,
            "until": stamp(self._runtime.clock.now() + RESTORE_TIME) if restoring else None,
        }
        condition: dict[str, Any] = {"ConditionExpression": "attribute_not_exists(pk)"}
        if stored is not None:
            condition = {
                "ConditionExpression": "version = :seen",
                "ExpressionAttributeValues": to_item({":seen": stored.version}),
            }
        try:
            writing(
                lambda: self._dynamodb.put_item(TableName=self._table, Item=to_item(item), **condition), self._runtime
            )
        except ClientError as error:
            if errors.code(error) != _CONDITION_FAILED:
                raise
            return False
        return True


def _refuse_others(stored: _Stored, resource: str, incident: str) -> None:
    """Raise ResourceBusyError, naming the others, where this incident is not the one that restores the resource."""
    if stored.restoring != incident:
        others = sorted(each for each in {*stored.incidents, stored.restoring} if each)
        who = ", ".join(others) or "another incident"
        raise ResourceBusyError(f"{who} acquired {resource} while this incident was restoring it")


def merged(first: Mapping[str, Any], later: Mapping[str, Any]) -> dict[str, Any]:
    """Return the first original with what only the later one knows; maps in it are joined key by key."""
    found = {**later, **first}
    for key, value in first.items():
        known = later.get(key)
        if isinstance(value, Mapping) and isinstance(known, Mapping):
            found[key] = merged(value, known)
    return found

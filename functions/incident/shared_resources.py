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

import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, TypeVar

from botocore.exceptions import ClientError

from functions.aws import errors
from functions.aws.clients import AwsClient
from functions.aws.retry import repeat
from functions.incident.conflict import CONDITION_FAILED, writing
from functions.incident.documents import read_shared, shared_values
from functions.incident.errors import IncidentError, NewerSchemaError
from functions.incident.items import from_item, shared_resource_key, to_item
from functions.incident.model import SharedRecord
from functions.merge import keep_first
from functions.runtime import Runtime

T = TypeVar("T")

RESTORE_TIME = timedelta(seconds=60)
"""How long the last incident may take to restore the resource. After that others take it to have died."""

RESTORING_CALL_TIME = timedelta(seconds=50)
"""How long one restoring call may take: four attempts of ten seconds (functions.aws.clients.CONFIG), and the pauses."""

_TRIES = 12
_WAITING_SECONDS = (0.5,) * (_TRIES - 1)
"""How long an incident waits in all for another one that restores the resource."""


class ResourceBusyError(IncidentError):
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
class _Released:
    """How a release ended: the use of the resource then, or None where the incident did not use it."""

    use: SharedUse | None


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
        pauses = iter(_WAITING_SECONDS)  # for all attempts together

        def attempt() -> SharedUse | None:
            stored = repeat(
                partial(self._read, account, resource),
                while_=partial(self._restored_by_another, incident),
                pauses=pauses,
                clock=self._runtime.clock,
            )
            if self._restored_by_another(incident, stored):
                raise ResourceBusyError(f"{resource} is being put back by another incident's release")
            incidents = dict(stored.incidents) if stored is not None else {}
            whole = keep_first(stored.original, original) if stored is not None else dict(original)
            others = {name: share for name, share in incidents.items() if name != incident}
            share = incidents[incident] if incident in incidents else choose_share(others)
            written = self._write(account, resource, stored, {**others, incident: share}, whole)
            return SharedUse(share, others, whole) if written else None

        return self._until_written(resource, attempt)

    def release(self, account: str, resource: str, incident: str) -> SharedUse | None:
        """Release a resource; return its use now, or None where this incident neither uses it nor released it last.

        The incident that releases it last keeps others out until ``finish_restore``: it has to restore the resource.
        """

        def attempt() -> _Released | None:
            stored = self._read(account, resource)
            if stored is None:
                return _Released(None)
            share = stored.incidents.get(incident)
            others = {name: each for name, each in stored.incidents.items() if name != incident}
            if incident not in stored.incidents and (stored.restoring != incident or others):
                return _Released(None)
            restoring = incident if not others else None
            written = self._write(account, resource, stored, others, stored.original, restoring=restoring)
            return _Released(SharedUse(share, others, stored.original)) if written else None

        return self._until_written(resource, attempt).use

    def finish_restore(self, account: str, resource: str, incident: str) -> None:
        """Write that the last incident has restored the resource: the next one finds it without an original.

        Nothing is deleted: no function of the hub may delete what is in the table. Raises ResourceBusyError where
        another incident has acquired it since, because this took too long.
        """

        def attempt() -> bool:
            stored = self._read(account, resource)
            if stored is None or (stored.restoring is None and not stored.incidents):
                return True  # a write that timed out took effect
            _refuse_others(stored, resource, incident)
            return self._write(account, resource, stored, {}, {})

        self._until_written(resource, attempt)

    def extend_restore(self, account: str, resource: str, incident: str) -> None:
        """Make sure that this incident still keeps others out, for as long as one more call takes.

        Raises ResourceBusyError where another incident has acquired it since, because restoring took too long.
        """

        def attempt() -> bool:
            stored = self._read(account, resource)
            if stored is None:
                raise ResourceBusyError(f"no incident uses {resource}")
            _refuse_others(stored, resource, incident)
            if not self._over(stored, within=RESTORING_CALL_TIME):
                return True
            return self._write(account, resource, stored, {}, stored.original, restoring=incident)

        self._until_written(resource, attempt)

    def _until_written(self, resource: str, attempt: Callable[[], T | None]) -> T:
        """Return what an attempt returns that no other incident's write came before; read anew for each of them."""
        at_once = (0.0,) * (_TRIES - 1)
        written = repeat(attempt, while_=operator.not_, pauses=at_once, clock=self._runtime.clock)
        if not written:
            raise ResourceBusyError(f"{resource} is being changed by many incidents at once")
        return written

    def _restored_by_another(self, incident: str, stored: SharedRecord | None) -> bool:
        return stored is not None and stored.restoring not in {None, incident} and not self._over(stored)

    def _over(self, stored: SharedRecord, *, within: timedelta = timedelta()) -> bool:
        return stored.until is None or stored.until < self._runtime.clock.now() + within

    def _read(self, account: str, resource: str) -> SharedRecord | None:
        key = to_item(shared_resource_key(account, resource))
        answer = self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        if "Item" not in answer:
            return None
        try:
            return read_shared(from_item(answer["Item"]))
        except NewerSchemaError as error:
            # The other steps go on, and a later try succeeds once that version is deployed again.
            raise ResourceBusyError(str(error)) from error

    def _write(
        self,
        account: str,
        resource: str,
        stored: SharedRecord | None,
        incidents: Mapping[str, Any],
        original: Mapping[str, Any],
        *,
        restoring: str | None = None,
    ) -> bool:
        record = SharedRecord(
            incidents=incidents,
            original=original,
            version=stored.version + 1 if stored is not None else 1,
            restoring=restoring,
            until=self._runtime.clock.now() + RESTORE_TIME if restoring else None,
        )
        item = {**shared_resource_key(account, resource), **shared_values(record)}
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
            if errors.code(error) != CONDITION_FAILED:
                raise
            return False
        return True


def _refuse_others(stored: SharedRecord, resource: str, incident: str) -> None:
    """Raise ResourceBusyError, naming the others, where this incident is not the one that restores the resource."""
    if stored.restoring != incident:
        others = sorted(each for each in {*stored.incidents, stored.restoring} if each)
        who = ", ".join(others) or "another incident"
        raise ResourceBusyError(f"{who} acquired {resource} while this incident was restoring it")

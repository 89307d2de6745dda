# SPDX-License-Identifier: Apache-2.0
"""Marks on an incident's head that are set beside its course: that it was opened, that its host is being put back."""

from __future__ import annotations

from functions.aws.clients import AwsClient
from functions.finding.model import Target
from functions.incident.claim import LeaseHolder
from functions.incident.conflict import transact, writing
from functions.incident.items import claim_key, incident_key, stamp, to_item
from functions.incident.model import State
from functions.incident.record import target_values
from functions.policy.model import Mode
from functions.runtime import Runtime


class Heads:
    """Heads in the table. Methods raise what DynamoDB raises."""

    def __init__(self, dynamodb: AwsClient, table: str, runtime: Runtime) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._runtime = runtime

    def note_opened(self, incident: str, target: Target) -> None:
        """Make the record visible as soon as there is an incident; what stands in it already is not changed."""
        defaults = {
            "state": State.OBSERVED.value,
            "mode": Mode.OFF.value,
            "rule": "",
            "origin": "",
            "bundle": "",
            "reason": "claimed, not decided yet",
            "target": target_values(target),
            "opened_at": stamp(self._runtime.clock.now()),
        }
        update = {
            "TableName": self._table,
            "Key": to_item(incident_key(incident, "head")),
            "UpdateExpression": "SET " + ", ".join(f"#{name} = if_not_exists(#{name}, :{name})" for name in defaults),
            "ExpressionAttributeNames": {f"#{name}": name for name in defaults},
            "ExpressionAttributeValues": to_item({f":{name}": value for name, value in defaults.items()}),
        }
        writing(lambda: self._dynamodb.update_item(**update), self._runtime)

    def begin_release(self, incident: str, target: Target, holder: LeaseHolder) -> None:
        """Write that the host is being put back, before anything is: from now on it must not count as contained."""
        state, now = State.RELEASING.value, stamp(self._runtime.clock.now())
        claim = {
            "TableName": self._table,
            "Key": to_item(claim_key(target)),
            "UpdateExpression": "SET #state = :state, #mode = :off, released_at = :now, after_release = :yes",
            "ConditionExpression": "#token = :token",
            "ExpressionAttributeNames": {"#state": "state", "#mode": "mode", "#token": "token"},
            "ExpressionAttributeValues": to_item(
                {":state": state, ":off": Mode.OFF.value, ":now": now, ":yes": True, ":token": holder.token}
            ),
        }
        head = {
            "TableName": self._table,
            "Key": to_item(incident_key(incident, "head")),
            "UpdateExpression": "SET #state = :state, updated_at = :now",
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": to_item({":state": state, ":now": now}),
        }
        transact(self._dynamodb, [{"Update": claim}, {"Update": head}], self._runtime)

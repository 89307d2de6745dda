# SPDX-License-Identifier: Apache-2.0
"""Marks on an incident's head that are set beside its course: that it was opened, that its host is being put back."""

from __future__ import annotations

from botocore.exceptions import ClientError

from functions.aws.clients import AwsClient
from functions.finding.model import Target
from functions.incident.claim_document import releasing
from functions.incident.conflict import refuse_where_newer, transact, writing
from functions.incident.documents import head_opened, head_releasing
from functions.incident.items import claim_key, incident_key, to_item, update_of
from functions.incident.model import LeaseHolder
from functions.incident.schema import NOT_NEWER
from functions.runtime import Runtime


class Heads:
    """Heads in the table. Methods raise what DynamoDB raises."""

    def __init__(self, dynamodb: AwsClient, table: str, runtime: Runtime) -> None:
        self._dynamodb = dynamodb
        self._table = table
        self._runtime = runtime

    def note_opened(self, incident: str, target: Target) -> None:
        """Make the record visible as soon as there is an incident; what stands in it already is not changed."""
        update = {
            "TableName": self._table,
            "Key": to_item(incident_key(incident, "head")),
            **update_of({}, if_absent=head_opened(target, self._runtime.clock.now()), condition=NOT_NEWER),
        }
        writing(lambda: self._dynamodb.update_item(**update), self._runtime)

    def begin_release(self, incident: str, target: Target, holder: LeaseHolder) -> None:
        """Write that the host is being put back, before anything is: from now on it must not count as contained.

        Raises NewerSchemaError where a newer version of Cordon wrote one of the two.
        """
        now = self._runtime.clock.now()
        claim = {
            "TableName": self._table,
            "Key": to_item(claim_key(target)),
            **update_of(releasing(now), condition=f"#token = :token AND {NOT_NEWER}", given={"token": holder.token}),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        head = {
            "TableName": self._table,
            "Key": to_item(incident_key(incident, "head")),
            **update_of(head_releasing(now), condition=NOT_NEWER),
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        try:
            transact(self._dynamodb, [{"Update": claim}, {"Update": head}], self._runtime)
        except ClientError as error:
            refuse_where_newer(error)
            raise

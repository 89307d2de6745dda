# SPDX-License-Identifier: Apache-2.0
"""Reports every change of the control record: kill switch, policy in force, directory in force.

The table's stream, filtered on that one item, calls a function; other items never leave the stream. A pipe would need
no code, but EventBridge has none in GovCloud and eight more Regions, and only Lambda reads a stream free of charge. The
mapping reads from the oldest change of the stream: with LATEST, it could miss changes while the mapping begins (Lambda
developer guide). After ten failed tries a change goes to the dead-letter queue.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from functions.incident.items import CONTROL_KEY
from hub.stacks.intake import IntakeQueue
from hub.stacks.records import RecordStores

_TRIES = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchProps:
    """Properties of ``ControlWatch``."""

    records: RecordStores
    queue: IntakeQueue
    function: lambda_.Function


class ControlWatch(Construct):
    """What brings changes of the control record to the function."""

    def __init__(self, scope: Construct, construct_id: str, *, props: WatchProps) -> None:
        super().__init__(scope, construct_id)
        lambda_.CfnEventSourceMapping(
            self,
            "Mapping",
            function_name=props.function.function_name,
            event_source_arn=props.records.table.table_stream_arn,
            starting_position="TRIM_HORIZON",
            batch_size=1,
            maximum_retry_attempts=_TRIES,
            destination_config=lambda_.CfnEventSourceMapping.DestinationConfigProperty(
                on_failure=lambda_.CfnEventSourceMapping.OnFailureProperty(
                    destination=props.queue.dead_letters.queue_arn
                )
            ),
            filter_criteria=lambda_.CfnEventSourceMapping.FilterCriteriaProperty(
                filters=[lambda_.CfnEventSourceMapping.FilterProperty(pattern=_pattern())]
            ),
        )


def _pattern() -> str:
    keys = {name: {"S": [value]} for name, value in CONTROL_KEY.items()}
    return json.dumps({"dynamodb": {"Keys": keys}}, separators=(",", ":"))

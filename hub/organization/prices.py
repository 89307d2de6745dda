# SPDX-License-Identifier: Apache-2.0
"""AWS's list prices that the estimate is made of. They change: check them for your Region and contract.

Source: the public pricing pages of each service (aws.amazon.com/SERVICE/pricing), us-east-1, without the free tier, as
they were in the year below; they have not been read anew since. In USD.
"""

from __future__ import annotations

AS_OF = "2025"
REGION = "us-east-1"

MILLION = 1_000_000

LAMBDA_GB_SECOND = 0.0000133334
"""Arm."""
LAMBDA_REQUEST = 0.20 / MILLION
SQS_REQUEST = 0.40 / MILLION
DYNAMODB_WRITE_UNIT = 0.625 / MILLION
"""On demand, standard table, 1 KB; twice in a transaction."""
DYNAMODB_READ_UNIT = 0.125 / MILLION
"""On demand, standard table, 4 KB, consistent."""
DYNAMODB_GB_MONTH = 0.25
DYNAMODB_BACKUP_GB_MONTH = 0.20
"""Point-in-time recovery."""
S3_PUT = 0.005 / 1_000
S3_GB_MONTH = 0.023
SNS_PUBLISH = 0.50 / MILLION
SNS_EMAIL = 2.00 / 100_000
LOGS_GB = 0.50
LOGS_GB_MONTH = 0.03
ALARM_METRIC_MONTH = 0.10
EVENT_FORWARDED = 1.00 / MILLION
"""An event that a rule puts on a bus in another Region; AWS's own events are free."""
SNAPSHOT_GB_MONTH = 0.05
KEY_MONTH = 1.00
"""A customer-managed key: the deployment has none."""

# SPDX-License-Identifier: Apache-2.0
"""What a deployment costs a month: counted calls, list prices, and stated assumptions.

GuardDuty, Security Hub and CloudTrail are there with or without Cordon, and not in it. Nor is the free tier.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from hub.organization import prices

SIZES = (10, 500, 10_000)
"""Sizes of organisations in the documents, in accounts."""

_DAYS = 30
_MINUTES = _DAYS * 24 * 60
_KB_PER_GB = 1_000_000


@dataclass(frozen=True, slots=True)
class Counted:
    """What one event of a kind asks of AWS: requests that cost something. EC2, STS and Organizations are free.

    write_units: DynamoDB's, 1 KB each, in transactions two. Counted in a simulated run; a test repeats it.
    """

    write_units: int
    read_units: int
    puts: int
    notices: int


OBSERVED = Counted(write_units=43, read_units=5, puts=1, notices=1)
"""A new incident with a plan and a notification. A repetition needs less."""
CONTAINED = Counted(write_units=74, read_units=6, puts=7, notices=1)
"""A host with two volumes, whose quarantine group had to be made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """Assumptions that can't be counted beforehand. All but the idle items grow in proportion."""

    events_per_account: float = 6.0
    """Events of findings on EC2 instances an account and month, repetitions and second dialects included."""
    contained_per_account: float = 0.01
    """Hosts contained an account and month: one a month in a hundred accounts."""
    snapshot_gb: float = 100.0
    """Stored blocks of a contained host's snapshots."""
    snapshot_months: float = 6.0
    """How long they are kept on average: Cordon deletes none."""
    observed_seconds: float = 0.5
    contained_seconds: float = 5.0
    """How long a function runs."""
    observed_log_kb: float = 3.0
    contained_log_kb: float = 6.0
    observed_stored_kb: float = 8.0
    contained_stored_kb: float = 30.0
    """What is left in the table."""
    forwarded_share: float = 0.5
    """Share of the events that come from another Region by a forwarder."""
    evidence_kb: float = 10.0
    """An event as it is kept."""
    record_months: float = 12.0
    """Months of records in the table and in the evidence bucket: the estimate is of a deployment that old."""
    alarm_metrics: int = 12
    other_regions: int = 3
    """Regions that forward to the home Region, each with one metric more."""
    functions_memory_gb: float = 1.769 * 1000 / 1024
    idle_polls_per_minute: float = 15.0
    """Lambda's pollers on an empty queue: five, each waiting 20 seconds."""
    warm_ups_per_hour: int = 12
    warm_seconds: float = 0.05
    email_addresses: int = 2


@dataclass(frozen=True, slots=True)
class Item:
    """One line of the bill. ``idle``: it is there without a single finding."""

    what: str
    dollars: float
    idle: bool


def bill(accounts: int, assumed: Assumptions | None = None) -> list[Item]:
    """Return what a month costs, item by item, the idle ones first."""
    assumed = assumed or Assumptions()
    return [*_idle(assumed), *_used(accounts, assumed)]


def kept_gb(accounts: int, assumed: Assumptions | None = None) -> float:
    """Return the size of the table, which ``cordon incidents`` reads as a whole."""
    assumed = assumed or Assumptions()
    contained = accounts * assumed.contained_per_account
    observed = max(accounts * assumed.events_per_account - contained, 0.0)
    kb = observed * assumed.observed_stored_kb + contained * assumed.contained_stored_kb
    return kb * assumed.record_months / _KB_PER_GB


def total(items: Iterable[Item]) -> float:
    """Return the sum."""
    return sum(item.dollars for item in items)


def rows(sizes: Sequence[int]) -> list[tuple[str, ...]]:
    """Return the bills of organisations of these sizes side by side, in words: item, then dollars for each size."""
    bills = [bill(accounts) for accounts in sizes]
    found = [
        (first.what, *(f"{each.dollars:.2f}" for each in items))
        for first, *items in ((each[0], *each) for each in zip(*bills, strict=True))
    ]
    idle = [total(item for item in each if item.idle) for each in bills]
    return [
        *found,
        ("of it idle", *(f"{dollars:.2f}" for dollars in idle)),
        ("together", *(f"{total(each):.2f}" for each in bills)),
    ]


def said(assumed: Assumptions | None = None) -> list[tuple[str, str]]:
    """Return the assumptions in words, with their values."""
    return [(name.replace("_", " "), f"{value:g}") for name, value in asdict(assumed or Assumptions()).items()]


def _idle(assumed: Assumptions) -> list[Item]:
    warm_ups = assumed.warm_ups_per_hour * 24 * _DAYS
    warm = warm_ups * (
        prices.LAMBDA_REQUEST + assumed.warm_seconds * assumed.functions_memory_gb * prices.LAMBDA_GB_SECOND
    )
    polls = assumed.idle_polls_per_minute * _MINUTES * prices.SQS_REQUEST
    return [
        Item("alarms", (assumed.alarm_metrics + assumed.other_regions) * prices.ALARM_METRIC_MONTH, idle=True),
        Item("polling of the empty queue", polls, idle=True),
        Item("keeping one function warm", warm, idle=True),
        Item("keys of your own (there are none)", 0 * prices.KEY_MONTH, idle=True),
        Item("roles and rules and the rest", 0.0, idle=True),
    ]


def _used(accounts: int, assumed: Assumptions) -> list[Item]:
    contained = accounts * assumed.contained_per_account
    observed = max(accounts * assumed.events_per_account - contained, 0.0)
    events = observed + contained

    def each(of_observed: float, of_contained: float) -> float:
        return observed * of_observed + contained * of_contained

    seconds = each(assumed.observed_seconds, assumed.contained_seconds)
    log_gb = each(assumed.observed_log_kb, assumed.contained_log_kb) / _KB_PER_GB
    evidence_gb = events * assumed.evidence_kb * assumed.record_months / _KB_PER_GB
    table_gb = kept_gb(accounts, assumed)
    puts, notices = each(OBSERVED.puts, CONTAINED.puts), each(OBSERVED.notices, CONTAINED.notices)
    return [
        Item(
            "functions",
            events * prices.LAMBDA_REQUEST + seconds * assumed.functions_memory_gb * prices.LAMBDA_GB_SECOND,
            idle=False,
        ),
        Item(
            "queue and forwarded events",
            events * (3 * prices.SQS_REQUEST + assumed.forwarded_share * prices.EVENT_FORWARDED),
            idle=False,
        ),
        Item(
            "table",
            each(OBSERVED.write_units, CONTAINED.write_units) * prices.DYNAMODB_WRITE_UNIT
            + each(OBSERVED.read_units, CONTAINED.read_units) * prices.DYNAMODB_READ_UNIT
            + table_gb * (prices.DYNAMODB_GB_MONTH + prices.DYNAMODB_BACKUP_GB_MONTH),
            idle=False,
        ),
        Item("evidence bucket", puts * prices.S3_PUT + evidence_gb * prices.S3_GB_MONTH, idle=False),
        Item(
            "logs",
            log_gb * (prices.LOGS_GB + assumed.record_months * prices.LOGS_GB_MONTH),
            idle=False,
        ),
        Item(
            "notifications",
            notices * (prices.SNS_PUBLISH + assumed.email_addresses * prices.SNS_EMAIL),
            idle=False,
        ),
        Item(
            "snapshots in the members",
            contained * assumed.snapshot_gb * assumed.snapshot_months * prices.SNAPSHOT_GB_MONTH,
            idle=False,
        ),
    ]

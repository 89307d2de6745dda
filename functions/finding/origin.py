# SPDX-License-Identifier: Apache-2.0
"""Proof that a finding is GuardDuty's, and of its account and Region.

Only AWS can send events whose source begins with ``aws.``. But a principal that may call BatchImportFindings in a
member account writes their content. It can't use GuardDuty's own product ARN. Beyond that, every place of a finding
that names account, Region or partition must have the same value. The caller checks whether the account is a member of
the organisation.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from functions.finding import arn
from functions.finding.errors import IgnoredError, RejectedError
from functions.finding.shape import show

_FINDING: Final = re.compile(r"detector/[A-Za-z0-9-]{1,128}/finding/[A-Za-z0-9-]{1,128}")
_PRODUCT: Final = re.compile(r"(?:product|productv2)/([^/]{1,128})/([^/]{1,128})")
_CLAIMED_ID: Final = re.compile(r"arn:[^:]{0,40}:{1,2}guardduty:")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a finding comes from, as its own ARN says."""

    finding_id: str
    partition: str
    region: str
    account: str


def claims(name: object, finding_id: object) -> bool:
    """Tell whether the product's name or the finding's id says that GuardDuty made it.

    The word alone says nothing: other products have findings about GuardDuty being off.
    """
    named = isinstance(name, str) and name.strip().casefold() == "guardduty"
    return named or (isinstance(finding_id, str) and _CLAIMED_ID.match(finding_id) is not None)


def prove_product(value: object, field: str, *, folder: str, claimed: bool) -> arn.Arn:
    """Return the product ARN if it is GuardDuty's, ``folder`` being ``product`` or ``productv2``.

    Raise IgnoredError for the finding of another product, RejectedError for one that only claims to be GuardDuty's.
    """
    parts = arn.split(value, field)
    path = _PRODUCT.fullmatch(parts.resource)
    if parts.service != "securityhub" or not path:
        raise RejectedError(f"{field} {show(value)} is not the ARN of a product")
    if parts.resource == f"{folder}/aws/guardduty" and not parts.account:
        return parts
    name = f"{path[1]}/{path[2]}"
    custom = path[1].isdecimal() or parts.account
    if custom and claimed:
        raise RejectedError(f"{field} {show(value)} is a custom product: nothing proves that GuardDuty made it")
    if claimed or claims(path[2], None):
        raise RejectedError(f"the finding claims to be GuardDuty's, but {field} {show(value)} is not GuardDuty's")
    raise IgnoredError(f"a finding of {show(name)}, not of GuardDuty")


def prove(value: object, account: object, *, arn_field: str, account_field: str) -> Origin:
    """Return the finding's origin from its ARN; raise RejectedError unless the account field says the same."""
    parts = arn.split(value, arn_field)
    if parts.service != "guardduty" or not _FINDING.fullmatch(parts.resource):
        raise RejectedError(f"{arn_field} {show(value)} is not the ARN of a GuardDuty finding")
    owner = arn.account(parts.account, f"the account in {arn_field}")
    region = arn.region(parts.region, f"the Region in {arn_field}")
    field = arn.account(account, account_field)
    if field != owner:
        raise RejectedError(f"{account_field} is {show(field)}, but {arn_field} is of account {show(owner)}")
    return Origin(str(value), parts.partition, region, owner)


def agree(
    origin: Origin, where: str, *, account: object = None, region: object = None, partition: object = None
) -> None:
    """Raise RejectedError if a place of the finding names another account, Region or partition than its ARN."""
    pairs = (
        ("account", account, origin.account),
        ("Region", region, origin.region),
        ("partition", partition, origin.partition),
    )
    for what, said, proven in pairs:
        if said is not None and said != proven:
            raise RejectedError(f"the {what} of {where} is {show(said)}, but the finding's ARN says {show(proven)}")

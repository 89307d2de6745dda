# SPDX-License-Identifier: Apache-2.0
"""Accepted findings of cdk-nag, each on its resource with a sentence that says why."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import IConstruct


def acknowledge(construct: IConstruct, rule: str, because: str) -> None:
    """Accept what a rule of AwsSolutions (``S1``, ``IAM5[Resource::*]``) finds in a construct."""
    accepted = cdk.Acknowledgment(id=f"AwsSolutions::AwsSolutions-{rule}", reason=because)
    cdk.Validations.of(construct).acknowledge(accepted)

# SPDX-License-Identifier: Apache-2.0
"""Names of everything that a deployment has, all made from its qualifier.

The functions, the stacks and the tests take names only from here, so that they all use the same name for a role. Every
name begins with the qualifier: a staging hub can exist beside production.
"""

from __future__ import annotations

CONTAIN = "contain"
RELEASE = "release"
IDENTITY = "identity"
INTAKE = "intake"
OPERATOR = "operator"
WATCH = "watch"

STATUS_TAG = "status"
STATUS_VALUE = "isolated"
"""The tag of everything that is quarantined. It is the same for every deployment: people and policies look for it."""

INCIDENT_PATTERN = "inc-*"
"""What the id of every incident looks like, for IAM's StringLike."""

DENIED_TAGS = 4
"""How many instances the denial policy can deny one role for: each has a tag of the role."""


def iam_path(qualifier: str) -> str:
    """Return the IAM path of every role and policy, in the hub and in the members."""
    return f"/{qualifier}/"


def member_role(qualifier: str, purpose: str) -> str:
    """Return the name of a member account's role; ``purpose`` is ``contain``, ``release`` or ``identity``."""
    return f"{qualifier}-{purpose}"


def member_policy(qualifier: str, purpose: str) -> str:
    """Return the name of a member account's managed policy; ``purpose`` is a role's, or ``boundary`` or ``denial``."""
    return f"{qualifier}-{purpose}"


def quarantined_role(qualifier: str) -> str:
    """Return the name of the role, and of its instance profile, that may do nothing."""
    return f"{qualifier}-quarantined"


def restricted_group(qualifier: str) -> str:
    """Return the name of the IAM group whose users can't touch what is isolated."""
    return f"{qualifier}-restricted"


def restriction_policy(qualifier: str) -> str:
    """Return the name of that group's policy, for people to attach to roles and permission sets too."""
    return f"{qualifier}-Deny-termination-of-isolated-instances"


def denied_tag(qualifier: str, number: int) -> str:
    """Return the key of a role's tag that names an instance for which the role is denied; counted from 1."""
    return f"{qualifier}-denied-{number}"


def denied_way_in_tag(qualifier: str, number: int) -> str:
    """Return the key of the tag of the same slot that denies Systems Manager too, the investigators' way in."""
    return f"{qualifier}-denied-ssm-{number}"


def incident_policy(qualifier: str, incident: str, purpose: str) -> str:
    """Return the name of an inline policy that one incident puts on a role; ``purpose`` is what it denies."""
    return f"{qualifier}-{incident}-{purpose}"


def iam_arn(partition: str, account: str, qualifier: str, kind: str, name: str) -> str:
    """Return the ARN of a policy or an instance profile in Cordon's own path."""
    return f"arn:{partition}:iam::{account}:{kind}{iam_path(qualifier)}{name}"


def hub_role(qualifier: str, function: str) -> str:
    """Return the name of a role in the hub: of the functions ``intake``, ``release``, ``watch``, or ``operator``.

    Role names are unique in an account whatever their path, and the hub has the member roles too.
    """
    return f"{qualifier}-hub-{function}"


def function(qualifier: str, purpose: str) -> str:
    """Return the name of a Lambda function; ``purpose`` is ``intake``, ``release`` or ``watch``."""
    return f"{qualifier}-{purpose}"


def incident_tag(qualifier: str) -> str:
    """Return the key of the tag that names the incident: on what Cordon touches or makes, and on its sessions."""
    return f"{qualifier}:incident"


def external_id(qualifier: str, account: str) -> str:
    """Return the ExternalId that a member's trust policy asks for, bound to that account."""
    return f"{qualifier}-{account}"


def table(qualifier: str) -> str:
    """Return the name of the table that everything is recorded in."""
    return f"{qualifier}-records"


def policy_bucket(qualifier: str, account: str, region: str) -> str:
    """Return the name of the bucket of bundles and directories, in the hub account's home Region."""
    return f"{qualifier}-policy-{account}-{region}"


def evidence_bucket(qualifier: str, account: str, region: str) -> str:
    """Return the name of the bucket of the evidence, in the hub account's home Region."""
    return f"{qualifier}-evidence-{account}-{region}"


def stack(qualifier: str, part: str) -> str:
    """Return the name of a stack: ``hub``, ``members``, ``forwarder-REGION``, ``guard``, ``detection`` or ``drill``."""
    return f"{qualifier}-{part}"


def stack_set(qualifier: str, part: str) -> str:
    """Return the name of a stack set; ``part`` is ``canary`` or ``rest``."""
    return f"{qualifier}-members-{part}"


def drill(qualifier: str, part: str) -> str:
    """Return the name of a thing of the drill range: ``target``, ``attacker``, ``host`` (its role), ``attack``."""
    return f"{qualifier}-drill-{part}"


def queue(qualifier: str) -> str:
    """Return the name of the queue from which the intake takes events."""
    return f"{qualifier}-intake"


def dead_letters(qualifier: str) -> str:
    """Return the name of the queue of events that could not be worked on."""
    return f"{qualifier}-intake-dead-letters"


def not_forwarded(qualifier: str) -> str:
    """Return the name of the queue, in every other Region, of events that could not be forwarded.

    It begins as the intake's does, so that the hub guard covers both with one pattern.
    """
    return f"{queue(qualifier)}-not-forwarded"


def topic(qualifier: str) -> str:
    """Return the name of the topic for notifications, in the home Region and in those that forward to it."""
    return f"{qualifier}-notifications"


def rule(qualifier: str, purpose: str) -> str:
    """Return the name of a rule of EventBridge, in the home Region or in one that forwards to it."""
    return f"{qualifier}-{purpose}"


def alarm(qualifier: str, what: str) -> str:
    """Return the name of an alarm; all of the hub's alarms fit ``alarm(qualifier, "*")``."""
    return f"{qualifier}-{what}"


def log_group(qualifier: str, function: str) -> str:
    """Return the name of a function's log group."""
    return f"/{qualifier}/{function}"


def service_control_policy(qualifier: str, purpose: str) -> str:
    """Return the name of a service control policy; ``purpose`` is ``evidence-lock`` or ``hub-guard``."""
    return f"{qualifier}-{purpose}"

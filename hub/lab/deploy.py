# SPDX-License-Identifier: Apache-2.0
"""Puts a cloud assembly into a lab: assets where their manifests say, templates as they are, in their order.

What ``cdk deploy`` does, without its bootstrap roles: in the lab the accounts' roots deploy.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from hub.lab.assembly import Asset, SynthesizedStack
from hub.lab.clients import LabClients
from hub.lab.errors import DeploymentError
from hub.stacks.bundle import zipped

Progress = Callable[[str], None]

_POLL_SECONDS = 0.1
_LONGEST_SECONDS = 180
_VERSION_PARAMETER = "BootstrapVersion"
_VERSION = "30"
"""Of the bootstrap stack; CDK's rule in the template wants a number above 5."""


def deploy(clients: LabClients, stacks: Sequence[SynthesizedStack], progress: Progress) -> None:
    """Create or update every stack, one after the other; raise DeploymentError for the first that fails."""
    for stack in stacks:
        began = time.monotonic()
        _bootstrap(clients, stack)
        for asset in stack.assets:
            _upload(clients, stack, asset)
        _put_stack(clients, stack)
        progress(f"{stack.name} in {stack.account} {stack.region} ({time.monotonic() - began:.1f} s)")


def _bootstrap(clients: LabClients, stack: SynthesizedStack) -> None:
    """Make what ``cdk bootstrap`` would have left in the account, as far as this stack asks for it."""
    storage = clients.root("s3", stack.account, stack.region)
    for bucket in {asset.bucket for asset in stack.assets}:
        try:
            storage.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": stack.region})
        except storage.exceptions.BucketAlreadyOwnedByYou:
            continue
    parameter = json.loads(stack.template).get("Parameters", {}).get(_VERSION_PARAMETER)
    if parameter is not None:
        parameters = clients.root("ssm", stack.account, stack.region)
        parameters.put_parameter(Name=parameter["Default"], Value=_VERSION, Type="String", Overwrite=True)


def _upload(clients: LabClients, stack: SynthesizedStack, asset: Asset) -> None:
    body = zipped(asset.source) if asset.zipped else asset.source.read_bytes()
    clients.root("s3", stack.account, stack.region).put_object(Bucket=asset.bucket, Key=asset.key, Body=body)


def _put_stack(clients: LabClients, stack: SynthesizedStack) -> None:
    cloudformation = clients.root("cloudformation", stack.account, stack.region)
    # A template that is uploaded may be as large as it needs; as a body it may not.
    uploaded = stack.uploaded
    body = {"TemplateBody": stack.template}
    url = {"TemplateURL": f"{clients.endpoint}/{uploaded.bucket}/{uploaded.key}"} if uploaded else body
    given = {
        "StackName": stack.name,
        **url,
        "Capabilities": ["CAPABILITY_NAMED_IAM"],
        "Tags": [{"Key": key, "Value": value} for key, value in stack.tags.items()],
    }
    try:
        try:
            cloudformation.create_stack(**given)
        except cloudformation.exceptions.AlreadyExistsException:
            cloudformation.update_stack(**given)
    except ClientError as error:
        if "No updates are to be performed" in str(error):
            return
        raise DeploymentError(f"stack {stack.name}: {error}") from error
    _wait(cloudformation, stack.name)


def _wait(cloudformation: Any, name: str) -> None:
    until = time.monotonic() + _LONGEST_SECONDS
    while True:
        status = cloudformation.describe_stacks(StackName=name)["Stacks"][0]["StackStatus"]
        if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            return
        if not status.endswith("_IN_PROGRESS"):
            break
        if time.monotonic() > until:
            raise DeploymentError(f"stack {name} is still {status} after {_LONGEST_SECONDS} seconds")
        time.sleep(_POLL_SECONDS)
    events = cloudformation.describe_stack_events(StackName=name)["StackEvents"]
    reasons = [
        f"{each['LogicalResourceId']}: {each['ResourceStatusReason']}"
        for each in events
        if each["ResourceStatus"].endswith("_FAILED") and each.get("ResourceStatusReason")
    ]
    raise DeploymentError(f"stack {name} is {status}: {'; '.join(reasons) or 'no reason given'}")

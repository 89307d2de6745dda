# SPDX-License-Identifier: Apache-2.0
"""The worlds that these tests begin with, and short ways to call in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import boto3
from botocore.exceptions import ClientError

from hub.simulation.simulation import Simulation
from hub.simulation.world_spec import AccountSpec, Instance, WorldSpec

ACCOUNT = "444455556666"
OTHER_ACCOUNT = "444455557777"
REGION = "eu-west-1"
INSTANCE = "i-0000000000000001"


def world(*instances: Instance, **rest: Any) -> WorldSpec:
    """One account with these instances, or with a plain one."""
    return WorldSpec(
        accounts={ACCOUNT: AccountSpec("payments-prod", "/Workloads/Prod")},
        instances=instances or (instance(),),
        **rest,
    )


def instance(name: str = INSTANCE, **fields: Any) -> Instance:
    return Instance(id=name, account=ACCOUNT, region=REGION, **fields)


def member(simulation: Simulation, service: str, account: str = ACCOUNT) -> Any:
    return simulation.session_in(account).client(service, region_name=REGION)


def assume(simulation: Simulation, purpose: str = "contain", account: str = ACCOUNT, **more: Any) -> dict[str, Any]:
    role = f"arn:aws:iam::{account}:role/cordon/cordon-{purpose}"
    parameters = {"RoleArn": role, "RoleSessionName": "inc-1", "ExternalId": f"cordon-{account}", **more}
    answer: dict[str, Any] = simulation.session.client("sts").assume_role(**parameters)
    return answer


def client_with(simulation: Simulation, service: str, credentials: dict[str, Any]) -> Any:
    session: boto3.Session = simulation.session
    return session.client(
        service,
        region_name=REGION,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


def refusal(call: Callable[..., Any], **parameters: Any) -> str | None:
    """Return the error code of a call, or None where it works."""
    try:
        call(**parameters)
    except ClientError as error:
        return error.response["Error"]["Code"]
    return None

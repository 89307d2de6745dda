# SPDX-License-Identifier: Apache-2.0
"""A session whose clients answer what a test told them to, and nothing else; botocore's models check both sides."""

from __future__ import annotations

from typing import Any

import boto3.session
from botocore.stub import Stubber

HUB, FORENSICS, MANAGEMENT = "111111111111", "222222222222", "333333333333"
HOME = "eu-west-1"


class Answering:
    """Stands where ``boto3.session.Session`` does. A call that no answer is left for is refused by the stubs."""

    def __init__(self) -> None:
        self._real = boto3.session.Session(
            region_name=HOME, aws_access_key_id="testing", aws_secret_access_key="testing"
        )
        self._stubs: dict[tuple[str, str], Stubber] = {}
        self.asked: set[str] = set()
        """Operations that were called, as ``service:Operation``."""

    def says(
        self,
        service: str,
        operation: str,
        answer: dict[str, Any],
        asked: dict[str, Any] | None = None,
        *,
        region: str = HOME,
    ) -> None:
        """Queue an answer; ``asked`` are the parameters that the call must have."""
        self._stub(service, region).add_response(operation, answer, asked)

    def refuses(self, service: str, operation: str, code: str, message: str = "no", *, region: str = HOME) -> None:
        """Queue an error."""
        self._stub(service, region).add_client_error(operation, code, message)

    def is_of(self, account: str, partition: str = "aws") -> None:
        """Queue that the credentials are of an account."""
        arn = f"arn:{partition}:sts::{account}:assumed-role/operator/someone"
        self.says("sts", "get_caller_identity", {"Account": account, "Arn": arn, "UserId": "AROAEXAMPLE:someone"})

    def client(self, service: str, region_name: str | None = None, config: object = None) -> Any:
        del config
        return self._stub(service, region_name or HOME).client

    def get_partition_for_region(self, region: str) -> str:
        return self._real.get_partition_for_region(region)

    def over(self) -> None:
        """Fail unless every answer was asked for."""
        for stub in self._stubs.values():
            stub.assert_no_pending_responses()

    def _stub(self, service: str, region: str) -> Stubber:
        key = (service, region)
        if key not in self._stubs:
            client: Any = self._real.client(service, region_name=region)  # type: ignore[call-overload]
            self._stubs[key] = Stubber(client)
            self._stubs[key].activate()
            client.meta.events.register("before-parameter-build", self._note)
        return self._stubs[key]

    def _note(self, model: Any, **_: Any) -> None:
        self.asked.add(f"{model.service_model.service_name}:{model.name}")

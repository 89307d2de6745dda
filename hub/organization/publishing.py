# SPDX-License-Identifier: Apache-2.0
"""Put a policy into force in a deployment: the bundle into its bucket, the pointer after."""

from __future__ import annotations

from botocore.exceptions import ClientError

from functions.aws import errors
from functions.policy.errors import BundleError
from hub.organization.errors import NotThereError, RefusedError
from hub.organization.hub_account import HubAccount, reaching
from hub.policy.publish import in_force, publish
from hub.policy.publish import rollback as point_back

_NO_OBJECT = frozenset({"NoSuchKey", "404"})
_DENIED = "AccessDenied"


def put_into_force(hub: HubAccount, *, data: bytes | None, rollback: str = "") -> tuple[str, str | None]:
    """Publish a compiled policy, or point to the digest ``rollback`` again; return what is in force, and what was.

    Raises NotThereError for a deployment or a bundle that isn't there, RefusedError for a bundle that is broken.
    """
    s3, dynamodb = hub.client("s3"), hub.client("dynamodb")
    with reaching(f"policy in table {hub.table} and bucket {hub.policy_bucket}", hub.settings):
        before = in_force(dynamodb, hub)
        try:
            if data is not None:
                return publish(s3, dynamodb, hub, data), before
            point_back(s3, dynamodb, hub, rollback)
        except BundleError as error:
            raise RefusedError(f"not put into force: {error}") from error
        except ClientError as error:
            if rollback and errors.code(error) == _DENIED and error.operation_name == "GetObject":
                # S3 says of an object that isn't there that access is denied, unless s3:ListBucket is allowed.
                raise RefusedError(
                    f"{hub.policy_bucket} has no bundle {rollback}, or these credentials may not read it: nothing was "
                    "changed. With s3:ListBucket on the bucket AWS would say which"
                ) from error
            if errors.code(error) not in _NO_OBJECT:
                raise
            raise NotThereError(f"{hub.policy_bucket} has no bundle {rollback}: nothing was changed") from error
        return rollback, before

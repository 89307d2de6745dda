# SPDX-License-Identifier: Apache-2.0
"""The policy in force: the bundle and the directory, loaded once, and again when the control record changes.

Without a valid bundle there is no policy and Cordon never acts. ``PolicyInForce.problem`` says why, so that findings
are still recorded and people are notified.
"""

from __future__ import annotations

from dataclasses import dataclass

from functions.aws import errors
from functions.aws.clients import AwsClient
from functions.organization import directory as directories
from functions.organization.control import Control
from functions.organization.directory import Directory, DirectoryError
from functions.parallel import Pool
from functions.policy.bundle import Bundle
from functions.policy.errors import BundleError

_ABSENT = frozenset({"NoSuchKey", "NoSuchBucket", "AccessDenied", "404"})


def bundle_key(digest: str) -> str:
    """Return where in the policy bucket the bundle of that digest lies."""
    return f"bundles/{digest}.json"


@dataclass(frozen=True, slots=True)
class PolicyInForce:
    """One moment's policy and directory, and what the control record said."""

    control: Control
    bundle: Bundle | None
    directory: Directory | None
    problem: str = ""

    def ou_of(self, account: str) -> str | None:
        """Return the OU path of an account, or None when the directory doesn't have it."""
        return self.directory.accounts.get(account) if self.directory else None


class Loader:
    """Keeps the last good documents; they are addressed by content, so a kept one never goes stale."""

    def __init__(self, s3: AwsClient, bucket: str, organization: str, pool: Pool) -> None:
        self._s3 = s3
        self._bucket = bucket
        self._organization = organization
        self._pool = pool
        self._bundle: Bundle | None = None
        self._directory: tuple[str, Directory] | None = None

    def load(self, control: Control) -> PolicyInForce:
        """Return what the control record names; raise what S3 raises when it can't be reached for now."""
        bundle, directory = self._pool.all([lambda: self._load_bundle(control), lambda: self._load_directory(control)])
        problems = [each for each in (bundle, directory) if isinstance(each, str)]
        return PolicyInForce(
            control=control,
            bundle=bundle if isinstance(bundle, Bundle) else None,
            directory=directory if isinstance(directory, Directory) else None,
            problem="; ".join(problems),
        )

    def _load_bundle(self, control: Control) -> Bundle | Directory | str:
        if control.bundle is None:
            return "no policy bundle was published"
        if self._bundle is None or self._bundle.digest != control.bundle:
            data = self._get(bundle_key(control.bundle))
            if isinstance(data, str):
                return f"the policy bundle {control.bundle[:12]} can't be loaded: {data}"
            try:
                bundle = Bundle.loads(data)
            except BundleError as error:
                return f"the policy bundle {control.bundle[:12]} is broken: {error}"
            if bundle.digest != control.bundle:
                return f"the policy bundle {control.bundle[:12]} is not the one that was published"
            if bundle.organization != self._organization:
                return f"the policy bundle is for {bundle.organization}, not for {self._organization}"
            self._bundle = bundle
        return self._bundle

    def _load_directory(self, control: Control) -> Bundle | Directory | str:
        if control.directory is None:
            return Directory(self._organization)  # nothing swept yet: every account is looked up
        if self._directory is None or self._directory[0] != control.directory:
            data = self._get(directories.object_key(control.directory))
            if isinstance(data, str):
                return f"the directory {control.directory[:12]} can't be loaded: {data}"
            try:
                directory = Directory.loads(data)
            except DirectoryError as error:
                return error.problem
            if directory.organization != self._organization:
                return f"the directory is for {directory.organization}, not for {self._organization}"
            self._directory = (control.directory, directory)
        return self._directory[1]

    def _get(self, key: str) -> bytes | str:
        """Return the object, or S3's message if it isn't there: without permission to list, S3 says denied too."""
        try:
            answer = self._s3.get_object(Bucket=self._bucket, Key=key)
        except errors.AwsError as error:
            if errors.code(error) in _ABSENT:
                return errors.message(error)
            raise
        return bytes(answer["Body"].read())

# SPDX-License-Identifier: Apache-2.0
"""Evidence files of one incident: under one prefix of the evidence bucket, each with its hash and its version.

The bucket is versioned and locked, so nothing that was kept is lost; which version is meant the manifest says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from functions.aws.clients import AwsClient


@dataclass(frozen=True, slots=True)
class EvidenceFile:
    """A file that was kept. ``key`` is whole; ``version`` is empty where the bucket gave none."""

    key: str
    sha256: str
    version: str
    bytes: int


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one step kept, for the manifest.

    files      one entry for each file: ``key``, ``sha256``, ``version``, ``bytes``, ``at``, ``what``, ``by`` and more
    snapshots  volume id -> snapshot id
    missing    ``what`` could not be kept, and the ``reason``
    """

    files: tuple[Mapping[str, Any], ...] = ()
    snapshots: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[Mapping[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class EvidenceFolder:
    """Where the files of one incident go."""

    s3: AwsClient
    bucket: str
    incident: str

    @property
    def prefix(self) -> str:
        """What the key of every file of the incident begins with."""
        return f"incidents/{self.incident}/"

    def save(self, name: str, data: bytes, content_type: str) -> EvidenceFile:
        """Keep a file and return what tells it; raise what PutObject raises."""
        key = self.prefix + name
        answer = self.s3.put_object(
            Bucket=self.bucket,
            Key=key,
            Body=data,
            ContentType=content_type,
            ChecksumAlgorithm="SHA256",  # a locked bucket takes nothing without a checksum
        )
        return EvidenceFile(key, hashlib.sha256(data).hexdigest(), str(answer.get("VersionId", "")), len(data))

# SPDX-License-Identifier: Apache-2.0
"""What the simulated deployment is called: the names that real templates would give, from one qualifier."""

from __future__ import annotations

from dataclasses import dataclass

from hub.simulation.world_spec import OrganizationSpec


@dataclass(frozen=True, slots=True)
class Names:
    """Names of the hub's things and of the member roles."""

    organization: OrganizationSpec
    qualifier: str = "cordon"
    home_region: str = "eu-west-1"

    @property
    def table(self) -> str:
        """DynamoDB table of incidents, keys ``pk`` and ``sk``."""
        return f"{self.qualifier}-incidents"

    @property
    def policy_bucket(self) -> str:
        """Bucket of the compiled policy."""
        return f"{self.qualifier}-policy-{self.organization.hub}"

    @property
    def evidence_bucket(self) -> str:
        """Bucket of the evidence, versioned."""
        return f"{self.qualifier}-evidence-{self.organization.hub}"

    @property
    def topic(self) -> str:
        """ARN of the SNS topic."""
        return f"arn:aws:sns:{self.home_region}:{self.organization.hub}:{self.qualifier}-notifications"

    @property
    def queue_arn(self) -> str:
        """ARN of the intake queue."""
        return f"arn:aws:sqs:{self.home_region}:{self.organization.hub}:{self.qualifier}-intake"

    def external_id(self, account: str) -> str:
        """ExternalId that an account's member roles ask for."""
        return f"{self.qualifier}-{account}"

    def environ(self) -> dict[str, str]:
        """Return the environment that ``functions.settings.Settings.from_env`` reads."""
        return {
            "AWS_REGION": self.home_region,
            "CORDON_ORGANIZATION": self.organization.id,
            "CORDON_HUB_ACCOUNT": self.organization.hub,
            "CORDON_FORENSICS_ACCOUNT": self.organization.forensics,
            "CORDON_QUALIFIER": self.qualifier,
            "CORDON_TABLE": self.table,
            "CORDON_POLICY_BUCKET": self.policy_bucket,
            "CORDON_EVIDENCE_BUCKET": self.evidence_bucket,
            "CORDON_TOPIC": self.topic,
        }

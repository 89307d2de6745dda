# SPDX-License-Identifier: Apache-2.0
"""The parts of Security Hub and GuardDuty that CloudFormation can set up in the hub's home Region, if they are missing.

Off by default: nearly every organisation has these, and a second detector or hub in an account is refused. What was
set up stays when the setting or the stack is removed: without Cordon an organisation must still detect. The delegated
administrator, and GuardDuty's own settings for the organisation, have no type that works from here.
"""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_guardduty as guardduty
from aws_cdk import aws_securityhub as securityhub
from constructs import Construct

from hub.deployment.model import DeploymentSettings
from hub.stacks.placement import placed


class DetectionStack(cdk.Stack):
    """What the settings ask for."""

    def __init__(self, scope: Construct, construct_id: str, *, settings: DeploymentSettings) -> None:
        super().__init__(
            scope,
            construct_id,
            description="Cordon: settings of Security Hub and GuardDuty in the hub",
            synthesizer=cdk.BootstraplessSynthesizer(),
            **placed(settings, "detection"),
        )
        self._others = [region for region in settings.regions if region != settings.home_region]
        if settings.detection.security_hub:
            self._security_hub()
        if settings.detection.security_hub_v2:
            self._security_hub_v2()
        if settings.detection.guardduty:
            # GuardDuty repeats what it sees again every quarter of an hour, not every six.
            guardduty.CfnDetector(self, "Detector", enable=True, finding_publishing_frequency="FIFTEEN_MINUTES")
        for each in self.node.children:
            if isinstance(each, cdk.CfnResource):
                # What a deployment made that then failed goes, or the next one would be refused.
                each.apply_removal_policy(cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE)

    def _security_hub(self) -> None:
        hub = securityhub.CfnHub(self, "Hub", enable_default_standards=False)
        organization = securityhub.CfnOrganizationConfiguration(
            self, "Organization", auto_enable=True, auto_enable_standards="NONE", configuration_type="LOCAL"
        )
        organization.add_resource_dependency(hub)
        if self._others:
            aggregator = securityhub.CfnFindingAggregator(
                self, "Aggregator", region_linking_mode="SPECIFIED_REGIONS", regions=self._others
            )
            aggregator.add_resource_dependency(hub)

    def _security_hub_v2(self) -> None:
        hub = securityhub.CfnHubV2(self, "HubV2")
        if self._others:
            aggregator = securityhub.CfnAggregatorV2(
                self, "AggregatorV2", region_linking_mode="SPECIFIED_REGIONS", linked_regions=self._others
            )
            aggregator.add_resource_dependency(hub)

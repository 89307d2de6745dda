# SPDX-License-Identifier: Apache-2.0
"""An app of one stack, for the CDK CLI to look for another one in."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_sns as sns

if __name__ == "__main__":
    app = cdk.App()
    stack = cdk.Stack(app, "Hub", synthesizer=cdk.BootstraplessSynthesizer())
    sns.CfnTopic(stack, "Topic")
    app.synth()

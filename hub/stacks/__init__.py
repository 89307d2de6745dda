# SPDX-License-Identifier: Apache-2.0
"""The stacks of the hub and of the organisation, as a CDK app: thin stacks that combine constructs."""

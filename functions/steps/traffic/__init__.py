# SPDX-License-Identifier: Apache-2.0
"""Steps on what sends the host work: its Auto Scaling group and its target groups.

``scaling`` leaves the group, with ``scaling_group`` (facts and words) and ``scaling_return`` (the way back) behind it;
``targets`` deregisters the host from load balancers.
"""

# SPDX-License-Identifier: Apache-2.0
"""The checks before a deployment, by what they look at. Each is a function that asks, and changes nothing."""

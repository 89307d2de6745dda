# SPDX-License-Identifier: Apache-2.0
"""Permissions proven: what the deployed policies allow is what the product does, and nothing else."""

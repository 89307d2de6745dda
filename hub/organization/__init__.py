# SPDX-License-Identifier: Apache-2.0
"""Cordon's deployment as its operator sees it: may it be deployed, deploy it, take it away, what it costs."""

# SPDX-License-Identifier: Apache-2.0
"""The demonstration: a few findings, an organisation for them, and the results that it must have."""

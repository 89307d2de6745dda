# SPDX-License-Identifier: Apache-2.0
"""Each step, and what it may call."""

# SPDX-License-Identifier: Apache-2.0
"""The documents against the code."""

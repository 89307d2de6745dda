# SPDX-License-Identifier: Apache-2.0
"""The operator's commands against a real deployment: what they ask AWS, what they refuse, what they print."""

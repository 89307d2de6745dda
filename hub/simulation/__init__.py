# SPDX-License-Identifier: Apache-2.0
"""A whole organisation on this machine, for the demo, ``cordon simulate`` and the tests."""

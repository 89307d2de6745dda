# SPDX-License-Identifier: Apache-2.0
"""Policy at build time: read, check, merge, compile, publish."""

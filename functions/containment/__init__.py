# SPDX-License-Identifier: Apache-2.0
"""The engine: look at the host, plan, contain, read back. It knows steps by their records alone."""

# SPDX-License-Identifier: Apache-2.0
"""A finding in any of its three dialects becomes one ``Finding``. Pure: no AWS, no clock."""

# SPDX-License-Identifier: Apache-2.0
"""From queue message to contained host: the Lambda that takes findings in."""

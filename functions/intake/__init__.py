# SPDX-License-Identifier: Apache-2.0
"""From queue message to contained host: the Lambda that takes findings in.

Errors:

RetryError   a message can't be finished now and goes back to the queue
"""

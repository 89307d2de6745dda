# SPDX-License-Identifier: Apache-2.0
"""What AWS asks IAM for each call: so that policies can be enforced in the lab and proven in the tests."""

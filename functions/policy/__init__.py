# SPDX-License-Identifier: Apache-2.0
"""Policy at run time: the compiled bundle, looked up by account, and the decision. Pure: no AWS, no YAML."""

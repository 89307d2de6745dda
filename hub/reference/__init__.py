# SPDX-License-Identifier: Apache-2.0
"""The reference of the steps, made from their records, from texts beside them and from what is measured."""

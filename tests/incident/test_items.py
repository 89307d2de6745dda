# SPDX-License-Identifier: Apache-2.0
"""What is kept whole as JSON text: as small as it can be, and always something that a store takes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from functions.incident.items import dump, from_item, to_item

TEXT = st.text(st.characters())  # lone surrogates as well: JSON may spell them
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXT, lambda each: st.lists(each) | st.dictionaries(TEXT, each)
)


def test_every_script_takes_its_own_size() -> None:
    assert dump({"name": "Zahlungsabwicklung für Übersee 支払い"}) == '{"name":"Zahlungsabwicklung für Übersee 支払い"}'


def test_half_a_letter_is_spelt() -> None:
    assert dump(["ü\ud800"]) == '["\\u00fc\\ud800"]'


@given(value=JSON)
def test_what_is_dumped_is_read_back_and_can_be_sent(value: Any) -> None:
    text = dump(value)
    assert text.encode()
    assert json.loads(from_item(to_item({"text": text}))["text"]) == value

"""The format of a key."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skyhook.keys import format
from skyhook.keys.errors import KeyInvalid

ALPHABET = string.digits + string.ascii_letters


def test_a_new_key_carries_its_public_id_and_a_right_checksum() -> None:
    key = format.generate()
    assert format.public_id(key.text) == key.public_id
    assert len(key.text) == 70


def test_two_keys_are_never_the_same() -> None:
    assert len({format.generate().text for _ in range(100)}) == 100


@given(position=st.integers(min_value=8, max_value=69), letter=st.sampled_from(ALPHABET))
def test_one_mistyped_letter_is_always_noticed(position: int, letter: str) -> None:
    text = format.generate().text
    mistyped = text[:position] + letter + text[position + 1 :]
    if mistyped != text:
        with pytest.raises(KeyInvalid):
            format.public_id(mistyped)


@given(st.text(max_size=200))
def test_any_other_text_is_refused_with_a_typed_error(text: str) -> None:
    with pytest.raises(KeyInvalid):
        format.public_id(text)


def test_the_hash_depends_on_the_instances_secret() -> None:
    text = format.generate().text
    assert format.hash_key(b"a" * 32, text) != format.hash_key(b"b" * 32, text)

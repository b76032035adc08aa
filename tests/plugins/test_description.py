"""What a plugin brings, beside what the version before brought."""

from __future__ import annotations

from skyhook.plugins.description import Description


def test_what_is_new_and_what_is_gone_stands_with_its_part() -> None:
    before = Description("rain", "1.0", "Rain", scopes=("a", "b"), meters=("m: 7",), secrets=("KEY",))
    after = Description("rain", "1.1", "Rain", scopes=("b", "c"), meters=("m: 9",))
    lines = [line for line in after.lines_beside(before) if line[2]]
    assert lines == [
        ("scope", "c", "new"),
        ("scope", "a", "gone"),
        ("price", "m: 9", "new"),
        ("price", "m: 7", "gone"),
        ("secret", "KEY", "gone"),
    ]
    assert [line[:2] for line in after.lines_beside(None)] == list(after.lines())
    assert {line[2] for line in after.lines_beside(None)} == {""}

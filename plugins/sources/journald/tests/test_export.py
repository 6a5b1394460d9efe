from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock_source_journald.entry import Entry
from penstock_source_journald.errors import GarbageError
from penstock_source_journald.export import Export

Exported = Callable[..., bytes]


def in_pieces(data: bytes, size: int, limit: int = 1000) -> list[Entry]:
    export = Export(limit)
    found = []
    for at in range(0, len(data), size):
        found += export.feed(data[at : at + size])
    return found


@pytest.mark.parametrize("size", [1, 2, 7, 64, 1_000_000])
def test_fields_come_whole_however_they_are_cut(export_entry: Exported, size: int) -> None:
    data = (
        export_entry(1, ("MESSAGE", "plain=text"), ("A", ""))
        + export_entry(2, ("MESSAGE", b"two\n\nlines\nA=1"), ("B", b""))
        + export_entry(3, ("MESSAGE", "again"), ("R", "1"), ("R", "2"), ("R", b"3\n4"))
        + export_entry(4, ("MESSAGE", b"\xff\x00\n\n"))
    )
    found = in_pieces(data, size)
    assert [entry.message for entry in found] == [
        b"plain=text",
        b"two\n\nlines\nA=1",
        b"again",
        b"\xff\x00\n\n",
    ]
    assert found[0].block.fields[b"A"] == b""
    assert found[1].block.fields[b"B"] == b""
    assert found[2].block.fields[b"R"] == b"1\n2\n3\n4"


@given(
    values=st.lists(st.one_of(st.binary(max_size=40), st.text("ab=\t\x7f", max_size=40))),
    size=st.integers(1, 200),
)
def test_any_values_come_back(export_entry: Exported, values: list[bytes | str], size: int) -> None:
    data = b"".join(export_entry(i, ("MESSAGE", value)) for i, value in enumerate(values))
    expected = [value.encode() if isinstance(value, str) else value for value in values]
    assert [entry.message for entry in in_pieces(data, size)] == expected


@pytest.mark.parametrize("binary", [True, False])
@pytest.mark.parametrize("size", [100_000, 5_000_000])
def test_a_long_message_is_bounded_and_what_is_missing_is_counted(
    export_entry: Exported, size: int, *, binary: bool
) -> None:
    text = b"x" * 3_000_000
    data = export_entry(1, ("MESSAGE", text if binary else text.decode()), ("AFTER", "1"))
    data += export_entry(2, ("MESSAGE", "next"))
    first, second = in_pieces(data, size, limit=1_000_000)
    if first.cut:  # what is not kept is counted; what comes at once may be kept whole
        assert len(first.message) <= 1_000_000 + len("MESSAGE=")
        assert len(first.message) + first.cut == 3_000_000
    else:
        assert first.message == text
    assert first.block.fields[b"AFTER"] == b"1"
    assert second.message == b"next"


def test_other_fields_are_bounded_but_never_those_of_the_journal(export_entry: Exported) -> None:
    flood = [(f"F{i}", b"y" * 60_000 + b"\n") for i in range(10)]
    data = export_entry(1, *flood, ("_PID", "77"), ("MESSAGE", "m"))
    (entry,) = in_pieces(data, 65_536)
    kept = sum(len(value) for name, value in entry.block.fields.items() if name.startswith(b"F"))
    assert kept <= 262_144
    assert kept + entry.left_out == 10 * 60_001
    assert entry.block.fields[b"_PID"] == b"77"


@pytest.mark.parametrize(
    "garbage",
    [
        b"<html>\n<body>Bad gateway</body>\n</html>\n\n",
        b"A=1\nB=2\n\n",
        b"__CURSOR=x\nMESSAGE\n\xff\xff\xff\xff\xff\xff\xff\xff\n\n",
        b"__CURSOR=x\nMESSAGE\n\x01\0\0\0\0\0\0\0abc\n\n",
    ],
)
def test_garbage_is_refused(garbage: bytes) -> None:
    with pytest.raises(GarbageError, match="no journal export"):
        Export(1000).feed(garbage)

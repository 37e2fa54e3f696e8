# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from debusine.util.byte_stream import MAX_PIECES, PIECE_BYTES, WINDOW_BYTES, Incoming, Outgoing


@given(st.binary(max_size=3 * PIECE_BYTES), st.lists(st.sampled_from("ldrk"), max_size=60))
def test_everything_arrives_once_and_in_order(data: bytes, fates: list[str]) -> None:
    out, come = Outgoing(), Incoming()
    out.write(data)
    seen = b""
    # what may happen to a message: lost, doubled, its answer lost, or nothing
    for fate in [*fates, *"kkkkkkkk"]:
        piece = out.take()
        if piece is None:
            out.rewind()
            continue
        for _ in range({"l": 0, "d": 2}.get(fate, 1)):
            seen += come.take(*piece)
        if fate in "dk":
            out.acknowledge(come.offset)
    while not out.is_done:
        out.rewind()
        while (piece := out.take()) is not None:
            seen += come.take(*piece)
        out.acknowledge(come.offset)
    assert seen == data
    assert not out.is_waiting


def test_a_sender_that_hears_nothing_stops() -> None:
    out = Outgoing()
    assert out.room == WINDOW_BYTES
    for _ in range(MAX_PIECES + 5):
        out.write(b"x")
        out.take()
    assert out.take() is None
    out.acknowledge(1)
    assert out.take() == (MAX_PIECES, b"xxxxx")


def test_made_up_acknowledgements_change_nothing() -> None:
    out = Outgoing()
    out.write(b"abc")
    for offset in (4, 1 << 62, 0, -1):
        out.acknowledge(offset)
    assert (out.acknowledged, out.take()) == (0, (0, b"abc"))

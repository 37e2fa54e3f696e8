# SPDX-License-Identifier: GPL-3.0-or-later
"""Pieces of a log as text: characters that lie across two pieces stay whole."""

from __future__ import annotations

import codecs

_Utf8 = codecs.getincrementaldecoder("utf-8")


class TextLog:
    r"""
    Decodes the streams of one log.

    >>> log = TextLog()
    >>> log.decode(b"caf\xc3", "stdout"), log.decode(b"\xa9 \xff", "stdout")
    ('caf', 'é �')
    """

    def __init__(self) -> None:
        self._decoders: dict[str, codecs.IncrementalDecoder] = {}

    def decode(self, data: bytes, stream: str, *, last: bool = False) -> str:
        """
        Text of a piece; what is no UTF-8 is replaced.

        :param last: nothing follows, so that a character that is cut short is wrong
        """
        decoder = self._decoders.setdefault(stream, _Utf8(errors="replace"))
        return decoder.decode(data, final=last)

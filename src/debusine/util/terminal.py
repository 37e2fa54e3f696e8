# SPDX-License-Identifier: GPL-3.0-or-later
"""Show bytes of unknown origin in a terminal without letting them steer it."""

from __future__ import annotations

import codecs
import re

_COLOUR = r"\x1b\[[0-9;]{0,32}m"
_CONTROL = r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b\[[0-9;?<=>!]*[ -/]*[@-~]|\x1b[ -/]*[0-~]"
_OTHERS = r"[\x00-\x08\x0b-\x1f\x7f-\x9f]"
_STRICT = re.compile(f"{_CONTROL}|{_OTHERS}")
_COLOURFUL = re.compile(f"({_COLOUR})|{_CONTROL}|{_OTHERS}")


def tame(text: str, *, colour: bool = False) -> str:
    r"""
    Remove everything a terminal would act on but line ends and tabs.

    :param colour: leave colours in

    >>> tame("\x1b[31mred\x1b[0m \x1b]0;title\x07bell\x07")
    'red bell'
    """
    # progress bars return to the start of a line: show each state as a line of its own
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if colour:
        return _COLOURFUL.sub(lambda match: match[1] or "", text)
    return _STRICT.sub("", text)


class LineDecoder:
    """
    Makes harmless text of chunks that may end anywhere, also inside a character.

    :param colour: leave colours in
    :param limit: a line is shown in pieces of so many characters if it does not end
    """

    def __init__(self, *, colour: bool = False, limit: int = 8192) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._colour = colour
        self._limit = limit
        self._rest = ""

    def feed(self, data: bytes) -> str:
        """Take a chunk; returns the whole lines that are complete now."""
        text = self._rest + self._decoder.decode(data)
        whole, end, self._rest = text.rpartition("\n")
        if len(self._rest) > self._limit:
            whole, end, self._rest = text, "", ""
        return tame(whole + end, colour=self._colour)

    def close(self) -> str:
        """The rest, once nothing more comes; ends with a line end unless it is empty."""
        rest = self._rest + self._decoder.decode(b"", final=True)
        self._rest = ""
        return tame(f"{rest}\n", colour=self._colour) if rest else ""

# SPDX-License-Identifier: GPL-3.0-or-later
"""Why something on the network did not work, in the words of the system."""

from __future__ import annotations

import re

from debusine.util.apt_sources import hide_logins

# what libraries write around the words: "[Errno 111]", "[SSL: X]", "(_ssl.c:1006)", addresses
_NOISE = re.compile(
    r"\[Errno -?\d+\]\s*|\[SSL: \w+\]\s*|\s*\(_ssl\.c:\d+\)|<[^<>]* at 0x[0-9a-f]+>"
)


def reason_of(error: BaseException) -> str:
    """
    Say what went wrong at the bottom of an error of requests or urllib3.

    Those wrap errors several times, and show objects of theirs to the user.

    >>> try:
    ...     raise ValueError("Pool(...)") from ConnectionRefusedError(111, "Connection refused")
    ... except ValueError as error:
    ...     reason_of(error)
    'Connection refused'
    """
    seen: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in seen:
        seen.append(current)
        current = _inner(current)
    texts = (_words(one) for one in reversed(seen))
    return next((text for text in texts if text), type(error).__name__)


def _inner(error: BaseException) -> BaseException | None:
    """Return the error that this one was made of, if any."""
    candidates = (getattr(error, "reason", None), *error.args, error.__cause__, error.__context__)
    return next((one for one in candidates if isinstance(one, BaseException)), None)


def _words(error: BaseException) -> str:
    text = (error.strerror if isinstance(error, OSError) else None) or str(error)
    return hide_logins(_NOISE.sub("", text)).strip(" :")

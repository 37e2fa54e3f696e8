# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import pytest

from debusine.domain.notification import compose, problems_of


def test_the_default_subject_is_that_of_0_16() -> None:
    mail = compose({"to": ["a@example.org"]}, {"cc": None}, work_request=7, result="error")
    assert (mail.subject, mail.to, mail.cc) == (
        "WorkRequest 7 completed in error",
        ("a@example.org",),
        (),
    )


@pytest.mark.parametrize(
    "address",
    ["", "a", "a@", "@b", "a@b c", "a@b,c@d", "a\n@b", "<a@b> \nBcc: c@d", "a@b\rx"],
)
def test_some_texts_are_no_address(address: str) -> None:
    assert len(problems_of({"to": [address]})) == 1


@pytest.mark.parametrize("address", ["a@example.org", "Ann Other <a@example.org>", "a@localhost"])
def test_others_are(address: str) -> None:
    assert problems_of({"from": address, "to": [address], "cc": None}) == []

# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

from typing import Annotated, Literal

import pytest
from pydantic import BaseModel, Field, StringConstraints

from debusine.domain.work_request import TaskTypes
from debusine.errors import NotFoundError
from debusine.tasks.kinds.noop import Noop
from debusine.tasks.model_fields import describe_fields
from debusine.tasks.task_type import describe, find_kind, summarise_all
from debusine.wire.task_type import TaskField

Word = Annotated[str, StringConstraints(pattern="^[a-z]+$", max_length=9)]


class Here(BaseModel):
    """A place in this house."""

    room: Word
    where: str = Field(description="more exactly")


class There(BaseModel):
    """
    A place elsewhere.

    :param where: ``None`` is nobody knows
    """

    where: Literal["north", "south"] | None = None


class Wanted(BaseModel):
    """
    Something.

    :param count: how many, of
        two lines
    """

    count: int = Field(default=1, ge=1, lt=5)
    words: list[Word] = Field(default_factory=lambda: ["a"], min_length=1)
    place: Here
    places: list[Here | There] = Field(default_factory=list)


def test_fields_are_described_with_those_of_models_in_them() -> None:
    word = ["at most 9 characters", "matches `^[a-z]+$`"]
    assert describe_fields(Wanted) == [
        TaskField(
            path="count",
            type="number",
            required=False,
            default=1,
            meaning="how many, of two lines",
            limits=["at least 1", "less than 5"],
        ),
        TaskField(
            path="words",
            type="list of text",
            required=False,
            default=["a"],
            limits=["not empty", *(f"each: {limit}" for limit in word)],
        ),
        TaskField(path="place", type="mapping", required=True, meaning="A place in this house"),
        TaskField(path="place.room", type="text", required=True, limits=word),
        TaskField(path="place.where", type="text", required=True, meaning="more exactly"),
        TaskField(
            path="places",
            type="list of mapping",
            required=False,
            default=[],
            meaning="A place in this house; or A place elsewhere",
        ),
        TaskField(path="places[].room", type="text", required=False, limits=word),
        TaskField(
            path="places[].where",
            type="text or `north`, `south`, or null",
            required=False,
            meaning="more exactly; or null is nobody knows",
        ),
    ]


def test_fields_of_models_may_be_left_out() -> None:
    names = ["count", "words", "place", "places"]
    assert [field.path for field in describe_fields(Wanted, nested=False)] == names


def test_a_task_is_found_by_name_those_of_workers_first() -> None:
    assert find_kind("NOOP") is Noop
    signing = find_kind("noop", TaskTypes.SIGNING)
    assert (signing.TASK_TYPE, signing.name) == (TaskTypes.SIGNING, "noop")
    assert find_kind("debsign").TASK_TYPE is TaskTypes.SIGNING
    with pytest.raises(NotFoundError, match="no task called 'debsign' of type Worker") as caught:
        find_kind("debsign", TaskTypes.WORKER)
    assert "lintian" in (caught.value.resolution or "")


def test_a_task_says_what_can_be_given_and_what_comes_of_it() -> None:
    lintian = describe(find_kind("lintian"))
    assert lintian.summary == "Checks source and binary packages in a clean environment"
    assert {one.result.value for one in lintian.results} >= {"success", "failure", "error"}
    [source] = [one for one in lintian.inputs if one.name == "source_artifact"]
    assert source.field == "input.source_artifact"
    assert source.categories == ["debian:source-package", "debian:upload"]


def test_every_kind_is_in_the_list_once() -> None:
    found = [(one.task_type, one.name) for one in summarise_all()]
    assert found == sorted(set(found))

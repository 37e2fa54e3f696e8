# SPDX-License-Identifier: GPL-3.0-or-later
"""A task whose code raises on the server: its request ends, the queue goes on."""

from __future__ import annotations

from typing import Any

import pytest
from tests.integration.conftest import ApiClient
from typing_extensions import override

from debusine.db.models import WorkRequest
from debusine.domain.result import WorkRequestResults
from debusine.domain.work_request import WorkRequestStatus
from debusine.tasks.kinds.noop import Noop
from debusine.tasks.models import BaseDynamicTaskData
from debusine.testing import factories

NAME = "raises"
TAGS = (*factories.NOOP_TAGS, f"worker:task:worker:{NAME}:version:1")


class Unwritable(BaseDynamicTaskData):
    @override
    def model_dump(self, **kwargs: Any) -> dict[str, Any]:
        raise AttributeError("a mistake of the author")


@pytest.fixture
def kind(_task_names: None) -> type[Any]:
    """A task that raises wherever its attribute says so."""

    class Raises(Noop):
        TASK_NAME = NAME
        raise_in = ""

        def maybe_raise(self, where: str) -> None:
            if type(self).raise_in == where:
                raise AttributeError("a mistake of the author")

        @override
        def post_init(self) -> None:
            super().post_init()
            self.maybe_raise("post_init")

        @override
        def compute_dynamic_data(self) -> BaseDynamicTaskData:
            self.maybe_raise("compute_dynamic_data")
            if type(self).raise_in == "model_dump":
                return Unwritable()
            return super().compute_dynamic_data()

        @override
        def get_user_provided_tags(self) -> set[str]:
            self.maybe_raise("get_user_provided_tags")
            return super().get_user_provided_tags()

    return Raises


@pytest.fixture
def client_of_worker(workspace: Any) -> Any:
    """The API as a worker sees it that can run both tasks."""
    return ApiClient(factories.make_worker(tags=TAGS).key)


@pytest.mark.parametrize(
    "where", ["post_init", "compute_dynamic_data", "model_dump", "get_user_provided_tags"]
)
def test_who_asks_for_it_is_told(api: Any, kind: type[Any], where: str) -> None:
    kind.raise_in = where
    answer = api.post("/work-request/", {"task_name": NAME, "task_data": {}})
    assert answer.status_code == 400, answer.content
    said = answer.content.decode()
    assert f"{NAME} raises AttributeError: a mistake of the author" in said
    assert WorkRequest.objects.count() == 0


@pytest.mark.parametrize("where", ["post_init", "compute_dynamic_data", "model_dump"])
def test_at_the_claim_it_ends_and_the_next_one_is_given(
    api: Any, client_of_worker: Any, kind: type[Any], where: str
) -> None:
    made = [
        api.post("/work-request/", {"task_name": name, "task_data": {}}).json()["id"]
        for name in (NAME, "noop")
    ]
    kind.raise_in = where
    answer = client_of_worker.post("/work-request/get-next-for-worker/")
    assert answer.status_code == 200, answer.content
    assert answer.json()["id"] == made[1]
    broken = WorkRequest.objects.get(pk=made[0])
    assert broken.status == WorkRequestStatus.COMPLETED
    assert broken.result == WorkRequestResults.ERROR
    assert "a mistake of the author" in str(broken.output_data)

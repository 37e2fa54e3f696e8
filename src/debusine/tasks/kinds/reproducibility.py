# SPDX-License-Identifier: GPL-3.0-or-later
"""Build a source package a second time, in another way, and compare."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

from typing_extensions import override

from debusine.artifacts.kinds.reproducibility import Reproducibility as ReproducibilityKind
from debusine.artifacts.kinds.upload import Upload, UploadData
from debusine.domain.executor import BackendType
from debusine.domain.result import Cause, WorkRequestResults
from debusine.errors import UserError
from debusine.tasks.checks import ensure_artifact_categories
from debusine.tasks.errors import TaskConfigError
from debusine.tasks.inputs.inputs import SingleInput, Stage
from debusine.tasks.kinds.sbuild import Sbuild
from debusine.tasks.logs import CONFIGURE_LOG, FETCH_LOG, RESULT_LOG
from debusine.tasks.reproducibility_build import configuration
from debusine.tasks.reproducibility_comparison import Build, Comparison
from debusine.tasks.reproducibility_data import (
    REPRODUCIBILITY_GUIDE,
    ReproducibilityData,
    ReproducibilityDynamicData,
)
from debusine.tasks.reproducibility_diffoscope import Reports, examine
from debusine.tasks.reproducibility_traces import likely_causes, read_report
from debusine.tasks.reproducibility_variations import Plan, Scene, plan
from debusine.tasks.sbuild_data import BuildComponent
from debusine.tasks.upload import upload_output
from debusine.util.userns import remove_tree
from debusine.wire.work_request import OutputError

FAKETIME = "faketime"
# the package's own code has been run by then
_OWN_STAGES = frozenset({"build", "dpkg-buildpackage"})


class Reproducibility(Sbuild):
    """Builds a source package a second time, on purpose differently, and compares the two."""

    TASK_VERSION = 1
    GUIDE = REPRODUCIBILITY_GUIDE
    task_data_type = ReproducibilityData
    dynamic_task_data_type = ReproducibilityDynamicData

    data: ReproducibilityData
    dynamic_data: ReproducibilityDynamicData | None

    input_first_build = SingleInput(
        field="input.first_build",
        stage=Stage.PENDING,
        categories=[Upload.category],
        verbose_name="First build",
    )

    @override
    def post_init(self) -> None:
        super().post_init()
        self.first: Build | None = None
        self.plan = Plan(records=())
        self.comparison: Comparison | None = None
        self._usual_configuration = ""

    # what the server asks

    @override
    def compute_dynamic_data(self) -> ReproducibilityDynamicData:
        first_id, upload = self.input_first_build.artifact_id, self.input_first_build.data
        assert first_id is not None, "what is compared with exists"
        assert isinstance(upload, UploadData), "the input checks the category"
        self._check_components(upload)
        values = super().compute_dynamic_data().model_dump()
        return ReproducibilityDynamicData(**values, input_first_build_id=first_id)

    def _check_components(self, upload: UploadData) -> None:
        """
        Insist on building again what the first build made.

        :raises TaskConfigError: if some of it would be missing, or there is nothing
        """
        words = upload.architecture_words() - {"source"}
        if not words:
            raise TaskConfigError("input.first_build: an upload of source has nothing to compare")
        needed = {BuildComponent.ALL if word == "all" else BuildComponent.ANY for word in words}
        if missing := needed - set(self.data.build_components):
            names = ", ".join(sorted(missing))
            raise TaskConfigError(
                f"build_components: the first build is for {' '.join(sorted(words))}; add {names}"
            )
        foreign = words - {"all", self.data.build_architecture}
        if foreign:
            raise TaskConfigError(
                f"build_architecture: the first build is for {' '.join(sorted(foreign))}"
            )

    # the run

    @override
    def fetch_input(self, destination: Path) -> bool:
        if not super().fetch_input(destination):
            return False
        assert self.dynamic_data is not None, "no dynamic data"
        place = destination / "first-build"
        first = self.fetch_artifact(self.dynamic_data.input_first_build_id, place)
        try:
            ensure_artifact_categories(
                configuration_key="input.first_build",
                category=first.category,
                expected=[Upload.category],
            )
        except TaskConfigError as error:
            self.append_to_log_file(FETCH_LOG, [str(error)])
            return False
        self.first = Build.read(place)
        return True

    @override
    def configure_for_execution(self, download_directory: Path) -> bool:
        """Check that the first build is one of this source."""
        if not super().configure_for_execution(download_directory):
            return False
        assert self.first is not None, "nothing was fetched"
        assert self.source is not None, "configured"
        self.first.changes.check_files()
        if self.first.changes.package != self.source.package:
            built = "_".join(self.first.changes.package)
            text = f"input.first_build is a build of {built}, not of input.source_artifact"
            self.append_to_log_file(CONFIGURE_LOG, [text])
            return False
        return True

    @override
    def prepare_to_run(self, download_directory: Path, execute_directory: Path) -> None:
        super().prepare_to_run(download_directory, execute_directory)
        assert self.first is not None, "nothing was fetched"
        assert self.executor is not None, "no executor"
        packages = self.executor.system_image.data.get("pkglist") or {}
        scene = Scene(
            first=self.first.buildinfo,
            now=self.clock.now(),
            cpus=sorted(os.sched_getaffinity(0)),
            names_hosts=self.backend is BackendType.UNSHARE,
            has_faketime=FAKETIME in packages,
        )
        self.plan = plan(self.data.variations, scene)
        self._usual_configuration = self._configuration.read_text()
        self._configure(self.first.versions or {})

    def _configure(self, versions: dict[str, str]) -> None:
        """Tell sbuild what to do otherwise, and which versions to prefer."""
        lines = configuration(
            self.plan,
            versions,
            self.get_working_directory() / "second-build",
            caller=pwd.getpwuid(os.getuid()).pw_name,
        )
        text = "".join(f"{line}\n" for line in lines)
        self._configuration.write_text(self._usual_configuration + text)

    @override
    def _cmdline(self) -> list[str]:
        return [*self.plan.prefix, *super()._cmdline()]

    @override
    def run(self, execute_directory: Path) -> WorkRequestResults:
        """Build; if not with the packages of the first build, then with those that there are."""
        result = super().run(execute_directory)
        stage = None if self.verdict is None else self.verdict.fail_stage
        assert self.first is not None, "nothing was fetched"
        if self.aborted or stage is None or stage in _OWN_STAGES or not self.first.versions:
            return result
        text = f"{stage} failed with the versions of the first build; trying without them"
        self.append_to_log_file(RESULT_LOG, [text])
        self.reported_errors.clear()
        for path in execute_directory.iterdir():
            path.unlink()
        if self._tree is not None:
            # that of the second attempt is the one to look at
            remove_tree(self._tree)
            self._tree = None
        self._configure({})
        return super().run(execute_directory)

    @override
    def task_result(self, returncode: int | None, execute_directory: Path) -> WorkRequestResults:
        result = super().task_result(returncode, execute_directory)
        if result is not WorkRequestResults.SUCCESS:
            if self.verdict is not None and self.verdict.fail_stage in _OWN_STAGES:
                self._say_what_was_varied()
            return result
        return self._compare(execute_directory)

    def _say_what_was_varied(self) -> None:
        varied = ", ".join(record.name for record in self.plan.records if record.applied)
        error = self.reported_errors.pop()
        text = f"the second build failed, built with another {varied}: {error.message}"
        self.reported_errors.append(OutputError(message=text, code=error.code))

    def _compare(self, directory: Path) -> WorkRequestResults:
        assert self.first is not None, "nothing was fetched"
        self.comparison = Comparison(first=self.first, second=Build.read(directory))
        if self.comparison.different:
            self._examine(self.comparison)
        lines = [self.comparison.summary, *self.comparison.notes]
        self.append_to_log_file(RESULT_LOG, lines)
        if self.comparison.is_reproducible:
            return WorkRequestResults.SUCCESS
        self.reported_errors.append(
            OutputError(message=self.comparison.summary, code=Cause.NOT_REPRODUCIBLE)
        )
        return WorkRequestResults.FAILURE

    def _examine(self, found: Comparison) -> None:
        """Find out in which way files differ."""
        status = self.last_exit_code
        reports = examine(
            self,
            found.different,
            (found.first.directory, found.second.directory),
            limits=self.data.diffoscope,
            runner=self.run_cmd,
        )
        # that of sbuild counts
        self.last_exit_code = status
        found.reports = reports.by_file
        found.notes += reports.notes
        self._find_causes(found, reports)

    def _find_causes(self, found: Comparison, reports: Reports) -> None:
        causes = {}
        for name, paths in reports.by_file.items():
            for path in paths:
                if path.suffix == ".json":
                    try:
                        causes[name] = likely_causes(read_report(path), self.plan)
                    except UserError as error:
                        found.notes.append(error.brief)
        found.causes = causes

    @override
    def upload_artifacts(
        self, execute_directory: Path, *, execution_result: WorkRequestResults
    ) -> None:
        self._upload_build_log(execute_directory)
        if self.comparison is not None:
            data = self.comparison.as_data(self.data.build_architecture, self.plan.records)
            report = ReproducibilityKind.from_files(data, self.comparison.artifact_files())
            upload_output(self, report, relates_to=self._source_artifacts_ids)

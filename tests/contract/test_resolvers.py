# SPDX-License-Identifier: GPL-3.0-or-later
"""What every resolver does: the one in memory, and the one with a database."""

from __future__ import annotations

from typing import Any

import pytest
from tests.contract.resolver_worlds import World

from debusine.artifacts.kinds.binary_package import BinaryPackage
from debusine.artifacts.kinds.signing_input import SigningInput
from debusine.artifacts.kinds.signing_output import SigningOutput
from debusine.artifacts.kinds.source_package import SourcePackage
from debusine.artifacts.kinds.system_tarball import SystemTarball
from debusine.artifacts.kinds.upload import Upload
from debusine.artifacts.relation import RelationType
from debusine.domain.executor import BackendType
from debusine.domain.lookup import LookupMultiple
from debusine.tasks import TaskConfigError
from debusine.tasks.inputs.fields import ARCHIVE, ENVIRONMENTS, SUITE
from debusine.tasks.inputs.inputs import (
    BuildArchitectureInput,
    DebusineFQDNInput,
    EnvironmentInput,
    ExtraRepositoriesInput,
    MultiInput,
    MultiInputList,
    OptionalEnvironmentInput,
    OptionalSingleInput,
    SingleInput,
    SingleInputList,
    Stage,
    SuiteArchiveInput,
    TaskInput,
    UnsignedMultiInput,
    UploadArtifactsInput,
)
from debusine.tasks.inputs.resolver import ARCHIVE_SETTING, SCHEME_SETTING, Resolver
from debusine.tasks.inputs.values import InputArtifactMultiple, InputArtifactSingle
from debusine.testing.inputs import (
    BINARY,
    KEY,
    SIGNED,
    SOURCE,
    TARBALL,
    UPLOAD,
    task_with_inputs,
)

pytestmark = pytest.mark.usefixtures("_task_names")


@pytest.fixture
def resolver(world: World) -> Resolver:
    return world.resolver(task_with_inputs({}))


def resolve(world: World, data: dict[str, Any], **inputs: TaskInput[Any]) -> Any:
    task = task_with_inputs(data, **inputs)
    world.resolver(task).resolve_inputs(task)
    return task


# one artifact


def test_an_artifact_by_id(world: World, resolver: Resolver) -> None:
    pk = world.artifact(SourcePackage.category, SOURCE)
    for lookup in (pk, f"{pk}@artifacts"):
        expected = InputArtifactSingle.model_validate(
            {
                "artifact_id": pk,
                "category": SourcePackage.category,
                "data": SOURCE,
                "label": "input.source",
                "lookup": lookup,
            }
        )
        assert resolver.find_artifact(lookup, label="input.source") == expected
        assert resolver.lookup_single_artifact(lookup, label="input.source") == expected
    assert resolver.lookup_single_artifact(None, label="input.source") is None


def test_an_artifact_by_its_place(world: World, resolver: Resolver) -> None:
    suite = world.collection(SUITE, "trixie")
    pk = world.artifact(SourcePackage.category, SOURCE)
    world.item(suite, "hello", pk)
    for lookup in (
        "trixie@debian:suite/hello",
        "trixie@debian:suite/name:hello",
        f"{suite}@collections/hello",
        "trixie/hello",
        "//workspace=System/trixie/hello",
    ):
        found = resolver.find_artifact(lookup, default_category=SUITE, label="x")
        assert (found.artifact_id, found.lookup) == (pk, lookup)


def test_an_artifact_elsewhere(world: World, resolver: Resolver) -> None:
    suite = world.collection(SUITE, "trixie", workspace="base")
    pk = world.artifact(SourcePackage.category, SOURCE)
    world.item(suite, "hello", pk)
    there = "//workspace=base/trixie@debian:suite/hello"
    assert resolver.find_artifact(there, label="x").artifact_id == pk
    with pytest.raises(KeyError):
        resolver.find_artifact("trixie@debian:suite/hello", label="x")


@pytest.mark.parametrize(
    "lookup",
    [
        0,
        -1,
        4711,
        "4711@artifacts",
        "4711@collections/hello",
        "trixie@debian:suite/other",
        "sid@debian:suite/hello",
        "trixie@debian:archive/hello",
    ],
)
def test_nothing_is_a_key_error_with_a_message(world: World, lookup: int | str) -> None:
    world.item(world.collection(SUITE, "trixie"), "hello", world.artifact(Upload.category, UPLOAD))
    resolver = world.resolver(task_with_inputs({}))
    with pytest.raises(KeyError) as caught:
        resolver.find_artifact(lookup, label="x")
    assert "does not match anything" in str(caught.value)
    with pytest.raises(KeyError):
        resolver.lookup_multiple_artifacts(LookupMultiple.parse([lookup]), label="x")


@pytest.mark.parametrize(
    "lookup",
    [
        "",
        "a//b",
        "//nonsense=x/a",
        "trixie/hello",
        "trixie@debian:suite",
        "trixie@debian:suite/hello/more",
        "trixie@debian:suite/nonsense:hello",
        "internal@collections/hello",
    ],
)
def test_nonsense_is_a_lookup_error_but_no_key_error(world: World, lookup: str) -> None:
    world.item(world.collection(SUITE, "trixie"), "hello", world.artifact(Upload.category, UPLOAD))
    resolver = world.resolver(task_with_inputs({}))
    for find in (
        lambda: resolver.find_artifact(lookup, label="x"),
        lambda: resolver.lookup_multiple_artifacts(LookupMultiple.parse([lookup]), label="x"),
    ):
        with pytest.raises(LookupError) as caught:
            find()
        assert not isinstance(caught.value, KeyError)


# several artifacts


def test_several_come_in_the_order_of_the_lookup(world: World, resolver: Resolver) -> None:
    ids = [world.artifact(BinaryPackage.category, BINARY) for _ in range(4)]
    suite = world.collection(SUITE, "trixie")
    for pk in (ids[2], ids[0]):
        world.item(suite, f"item{pk}", pk)
    for lookup, expected in (
        ([], []),
        ([ids[1], f"{ids[0]}@artifacts", ids[1]], [ids[1], ids[0], ids[1]]),
        ({"collection": "trixie@debian:suite"}, [ids[2], ids[0]]),
        ([ids[3], {"collection": suite}, ids[0]], [ids[3], ids[2], ids[0], ids[0]]),
    ):
        parsed = LookupMultiple.parse(lookup)
        found = resolver.lookup_multiple_artifacts(parsed, label="several")
        assert found.resolved_ids() == expected
        assert (found.label, found.lookup) == ("several", parsed)
        assert {one.category for one in found.artifacts} <= {BinaryPackage.category}


def test_filters(world: World, resolver: Resolver) -> None:
    suite = world.collection(SUITE, "trixie")
    source = world.artifact(SourcePackage.category, SOURCE)
    binaries = [world.artifact(BinaryPackage.category, BINARY) for _ in range(2)]
    world.item(suite, "hello_1", source, component="main")
    world.item(suite, "libhello", binaries[0], component="main", number=7)
    world.item(suite, "hello-doc", binaries[1], component="contrib")
    for filters, expected in (
        ({"category": "debian:binary-package"}, binaries),
        ({"name": "hello_1"}, [source]),
        ({"name__startswith": "hello"}, [source, binaries[1]]),
        ({"name__endswith": "hello"}, [binaries[0]]),
        ({"name__contains": "LLO"}, []),
        ({"name__in": ["hello-doc", "libhello"]}, binaries),
        ({"data__component": "main"}, [source, binaries[0]]),
        ({"data__number": 7}, [binaries[0]]),
        ({"data__component__startswith": "c", "name__contains": "-"}, [binaries[1]]),
        ({"data__nothing": "x"}, []),
        ({"child_type": "collection"}, []),
    ):
        lookup = LookupMultiple.parse({"collection": "trixie", **filters})
        found = resolver.lookup_multiple_artifacts(lookup, default_category=SUITE, label="x")
        assert found.resolved_ids() == expected, filters


def test_dictionaries_that_find_nothing(world: World, resolver: Resolver) -> None:
    world.collection(SUITE, "trixie")
    with pytest.raises(KeyError):
        resolver.lookup_multiple_artifacts(
            LookupMultiple.parse({"collection": "sid@debian:suite"}), label="x"
        )
    for wrong in (
        {"collection": "trixie@debian:suite", "error_on_empty": True},
        {"collection": "trixie"},
        {"collection": "trixie@debian:suite", "lookup__nonsense": 1},
    ):
        with pytest.raises(LookupError) as caught:
            resolver.lookup_multiple_artifacts(LookupMultiple.parse(wrong), label="x")
        assert not isinstance(caught.value, KeyError)


def test_related_artifacts_come_by_id(world: World, resolver: Resolver) -> None:
    uploads = [world.artifact(Upload.category, UPLOAD) for _ in range(2)]
    binaries = [world.artifact(BinaryPackage.category, BINARY) for _ in range(3)]
    source = world.artifact(SourcePackage.category, SOURCE)
    for start, kind, target in (
        (uploads[0], RelationType.EXTENDS, binaries[2]),
        (uploads[0], RelationType.EXTENDS, source),
        (uploads[1], RelationType.EXTENDS, binaries[0]),
        (uploads[1], RelationType.EXTENDS, binaries[2]),
        (uploads[1], RelationType.RELATES_TO, binaries[1]),
        (binaries[1], RelationType.EXTENDS, uploads[0]),
    ):
        world.relate(start, kind, target)
    wanted = BinaryPackage.category
    extended = resolver.find_related_artifacts(
        uploads, target_category=wanted, relation_type=RelationType.EXTENDS, label="x"
    )
    assert extended.resolved_ids() == [binaries[0], binaries[2]]
    assert extended.lookup == LookupMultiple.parse([binaries[0], binaries[2]])
    related = resolver.find_related_artifacts(uploads, target_category=wanted, label="x")
    assert related.resolved_ids() == [binaries[1]]
    assert not resolver.find_related_artifacts([], target_category=wanted, label="x").artifacts


# collections and the server


def test_a_collection(world: World, resolver: Resolver) -> None:
    pk = world.collection(SUITE, "trixie", data={"components": ["main"]})
    for lookup in (pk, f"{pk}@collections", "trixie@debian:suite", "trixie"):
        found = resolver.find_collection(lookup, default_category=SUITE, label="x")
        assert found.model_dump() == {
            "label": "x",
            "lookup": lookup,
            "collection_id": pk,
            "scope_name": "debusine",
            "workspace_name": "System",
            "category": "debian:suite",
            "name": "trixie",
            "data": {"components": ["main"]},
        }
    with pytest.raises(KeyError):
        resolver.find_collection("sid@debian:suite", label="x")
    artifact = world.artifact(Upload.category, UPLOAD)
    for wrong in ("trixie", f"{artifact}@artifacts"):
        with pytest.raises(LookupError) as caught:
            resolver.find_collection(wrong, label="x")
        assert not isinstance(caught.value, KeyError)


def test_publication_and_keys(world: World, resolver: Resolver) -> None:
    suite = world.collection(SUITE, "trixie")
    assert not resolver.is_published(suite)
    assert resolver.export_suite_signing_keys(suite) is None
    world.publish(suite)
    archive = world.collection(ARCHIVE, "_")
    world.sign(archive, "of the archive")
    assert resolver.is_published(suite)
    assert resolver.export_suite_signing_keys(suite) == "of the archive"
    world.sign(suite, "of the suite")
    assert resolver.export_suite_signing_keys(suite) == "of the suite"


def test_settings(world: World, resolver: Resolver) -> None:
    assert resolver.get_fallback_architecture() == "amd64"
    world.setting("DEBUSINE_FALLBACK_ARCHITECTURE", "riscv64")
    assert resolver.get_fallback_architecture() == "riscv64"
    world.setting("DEBUSINE_FQDN", "x.example.org")
    assert resolver.get_server_setting("DEBUSINE_FQDN") == "x.example.org"
    for name in ("DEBUSINE_NOTHING", "FQDN"):
        with pytest.raises(KeyError):
            resolver.get_server_setting(name)


# every kind of input


def test_kinds_of_artifacts(world: World) -> None:
    ids = [world.artifact(SourcePackage.category, SOURCE) for _ in range(3)]
    data = {
        "source": ids[0],
        "several": [ids[2], ids[0]],
        "listed": [ids[1], f"{ids[0]}@artifacts"],
        "nested_lists": [[ids[1], ids[0]], []],
        "input": {"source": ids[2]},
    }
    task = resolve(
        world,
        data,
        single=SingleInput(field="source"),
        optional=OptionalSingleInput(field="input.source"),
        absent=OptionalSingleInput(field="suite"),
        several=MultiInput(),
        listed=SingleInputList(),
        nested_lists=MultiInputList(),
        no_list=SingleInputList(field="extra_repositories"),
    )
    assert task.single.artifact_id == ids[0]
    assert (task.optional.artifact_id, task.optional.label) == (ids[2], "input.source")
    assert task.absent is None
    assert task.several.resolved_ids() == [ids[2], ids[0]]
    assert [one.artifact_id for one in task.listed] == [ids[1], ids[0]]
    assert [one.label for one in task.listed] == ["listed[0]", "listed[1]"]
    assert [one.resolved_ids() for one in task.nested_lists] == [[ids[1], ids[0]], []]
    assert task.no_list == []
    expected = [ids[0], ids[2], ids[2], ids[0], ids[1], ids[0], ids[1], ids[0]]
    assert task.get_field_artifact_ids() == expected


@pytest.mark.parametrize(
    ("field", "data", "label"),
    [
        (SingleInput(field="source"), {"source": 0}, "source"),
        (OptionalSingleInput(field="input.source"), {"input": {"source": 0}}, "input.source"),
        (MultiInput(field="several"), {"several": [0]}, r"several\[0\]"),
        (SingleInputList(field="listed"), {"listed": [0]}, r"listed\[0\]"),
        (
            MultiInputList(field="nested_lists"),
            {"nested_lists": [[], [0]]},
            r"nested_lists\[1\]\[0\]",
        ),
        (UploadArtifactsInput(field="several"), {"several": [0]}, r"several\[0\]"),
        (UnsignedMultiInput(field="several"), {"several": [0]}, r"several\[0\]"),
        (EnvironmentInput(field="source"), {"source": 0}, "source"),
        (OptionalEnvironmentInput(field="source"), {"source": 0}, "source"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_wrong_category_names_the_place(
    world: World, field: TaskInput[Any], data: dict[str, Any], label: str
) -> None:
    pk = world.artifact(SourcePackage.category, SOURCE)
    field = type(field)(field=field.field, categories=[SystemTarball.category])  # type: ignore[attr-defined, call-arg]  # those of artifacts

    def fill(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: fill(one) for key, one in value.items()}
        return [fill(one) for one in value] if isinstance(value, list) else pk

    with pytest.raises(TaskConfigError, match=f"^{label}: unexpected artifact category") as caught:
        resolve(world, fill(data), thing=field)
    assert caught.value.__notes__ == ["while resolving input thing of task withinputs"]


def test_uploads_and_signatures(world: World) -> None:
    upload = world.artifact(Upload.category, UPLOAD)
    signed = [world.artifact(SigningOutput.category, SIGNED) for _ in range(2)]
    unsigned = world.artifact(SigningInput.category, {})
    binaries = [world.artifact(BinaryPackage.category, BINARY) for _ in range(2)]
    world.relate(upload, RelationType.EXTENDS, binaries[1])
    for start in signed:
        world.relate(start, RelationType.RELATES_TO, unsigned)
    world.relate(signed[0], RelationType.RELATES_TO, binaries[1])
    world.relate(unsigned, RelationType.RELATES_TO, binaries[0])
    data = {"several": [upload, binaries[0]], "source": LookupMultiple.parse(signed)}
    task = resolve(
        world,
        data,
        uploads=UploadArtifactsInput(field="several", categories=[BinaryPackage.category]),
        unsigned=UnsignedMultiInput(field="source"),
    )
    assert task.uploads.resolved_ids() == [binaries[0], binaries[1]]
    assert task.unsigned.resolved_ids() == [unsigned, binaries[0]]


def environments(world: World, *variants: str | None, **fields: str) -> list[int]:
    """Tarballs of trixie for unshare, one of each variant, in the collection ``debian``."""
    collection = world.collection(ENVIRONMENTS, "debian", **fields)
    ids = [world.artifact(SystemTarball.category, TARBALL) for _ in variants]
    item = {"codename": "trixie", "architecture": "amd64", "backend": "unshare"}
    for pk, variant in zip(ids, variants, strict=True):
        world.item(collection, f"item{pk}", pk, variant=variant, **item)
    return ids


def test_environments(world: World) -> None:
    plain, own, _ = environments(world, None, "withinputs", "other")
    data = {"environment": "debian/match:codename=trixie"}
    field = EnvironmentInput()
    task = resolve(world, data, environment=field)
    assert task.environment.artifact_id == own
    assert isinstance(task.environment.data, SystemTarball.data_type)
    task = resolve(world, data, environment=OptionalEnvironmentInput())
    assert task.environment.artifact_id == own
    by_variant = {"environment": "debian/match:codename=trixie:variant="}
    assert (
        resolve(world, by_variant, environment=EnvironmentInput()).environment.artifact_id == plain
    )
    assert resolve(world, {}, environment=OptionalEnvironmentInput()).environment is None
    for wrong in (
        "codename=sid",
        "codename=trixie:architecture=arm64",
        "codename=trixie:backend=qemu",
    ):
        with pytest.raises(KeyError):
            resolve(world, {"environment": f"debian/match:{wrong}"}, environment=EnvironmentInput())


def test_environment_of_another_workspace(world: World) -> None:
    (pk,) = environments(world, None, workspace="base")
    data = {"environment": "//workspace=base/debian/match:codename=trixie"}
    assert resolve(world, data, environment=EnvironmentInput()).environment.artifact_id == pk


@pytest.mark.parametrize("kind", [EnvironmentInput, OptionalEnvironmentInput])
def test_environments_in_collections_of_another_category(world: World, kind: Any) -> None:
    pk = world.artifact(SystemTarball.category, TARBALL)
    world.item(world.collection(SUITE, "trixie"), "tree", pk)
    data = {"environment": "trixie/tree"}
    task = resolve(world, data, environment=kind(default_category=SUITE))
    assert task.environment.artifact_id == pk


def test_lookup_of_an_environment(world: World, resolver: Resolver) -> None:
    newest = environments(world, None, "other", None)[-1]
    found = resolver.lookup_environment(
        "debian/match:codename=trixie",
        architecture="amd64",
        backend=BackendType.UNSHARE,
        label="x",
    )
    assert (found.artifact_id, found.label) == (newest, "x")
    assert found.lookup == (
        "debian/match:codename=trixie:architecture=amd64:format=tarball:backend=unshare:variant="
    )


def test_packages_by_the_highest_version(world: World, resolver: Resolver) -> None:
    suite = world.collection(SUITE, "trixie")
    versions = ["1.9-1", "1.10-1", "1.10~rc1-1"]
    sources = [world.artifact(SourcePackage.category, SOURCE) for _ in versions]
    binaries = [world.artifact(BinaryPackage.category, BINARY) for _ in versions]
    for number, version in enumerate(versions):
        data = {"package": "hello", "version": version}
        world.item(suite, f"hello_{version}", sources[number], **data)
        architecture = "all" if number == 1 else "amd64"
        name = f"hello_{version}_{architecture}"
        world.item(suite, name, binaries[number], architecture=architecture, **data)
    for lookup, expected in (
        ("source:hello", sources[1]),
        ("binary:hello_amd64", binaries[1]),
        ("binary:hello_arm64", binaries[1]),
    ):
        assert resolver.find_artifact(f"trixie@{SUITE}/{lookup}", label="x").artifact_id == expected
    for lookup in ("source:hell", "binary:hell_amd64", "source:hello_1.9-1"):
        with pytest.raises(KeyError):
            resolver.find_artifact(f"trixie@{SUITE}/{lookup}", label="x")


def test_suites_and_archives(world: World) -> None:
    suite = world.collection(SUITE, "trixie", workspace="base")
    world.collection(ARCHIVE, "_")
    data = {"suite": "//workspace=base/trixie@debian:suite"}
    task = resolve(world, data, suite=SuiteArchiveInput())
    assert (task.suite[0].collection_id, task.suite[1]) == (suite, None)
    archive = world.collection(ARCHIVE, "_", workspace="base")
    task = resolve(world, data, suite=SuiteArchiveInput())
    found = task.suite[1]
    assert (found.collection_id, found.lookup) == (archive, f"{archive}@collections")
    assert (found.workspace_name, found.name, found.label) == ("base", "_", "suite")
    with pytest.raises(TaskConfigError, match="suite: unexpected collection category"):
        resolve(world, {"suite": archive}, suite=SuiteArchiveInput())
    with pytest.raises(KeyError):
        resolve(world, {"suite": "sid@debian:suite"}, suite=SuiteArchiveInput())


def test_repositories(world: World) -> None:
    world.setting(SCHEME_SETTING, "https")
    world.setting(ARCHIVE_SETTING, "archive.example.org")
    suite = world.collection(SUITE, "trixie", data={"components": ["main"]}, workspace="base")
    world.publish(suite)
    world.sign(suite, KEY)
    world.collection(SUITE, "sid", data={"components": ["main"]})
    external = {
        "url": "https://deb.example.org/debian",
        "suite": "stable",
        "components": ["main"],
        "architectures": None,
        "signing_key": None,
    }
    data = {
        "extra_repositories": [
            {"suite": suite, "architectures": ["arm64"]},
            {"suite": "sid"},
            external,
            {"suite": "//workspace=base/trixie", "components": ["contrib"]},
        ]
    }
    task = resolve(world, data, extra_repositories=ExtraRepositoriesInput())
    hosted = {
        "url": "https://archive.example.org/debusine/base",
        "suite": "trixie",
        "components": ["main"],
        "architectures": ["arm64"],
        "signing_key": KEY,
    }
    assert [one.model_dump(mode="json") for one in task.extra_repositories] == [
        hosted,
        external,
        {**hosted, "components": ["contrib"], "architectures": None},
    ]
    task = resolve(world, {}, extra_repositories=ExtraRepositoriesInput())
    assert task.extra_repositories is None
    data = {"extra_repositories": [{"suite": "x"}]}
    with pytest.raises(KeyError) as caught:
        resolve(world, data, repositories=ExtraRepositoriesInput(field="extra_repositories"))
    assert caught.value.__notes__ == ["while resolving input repositories of task withinputs"]


def test_facts_of_the_server(world: World) -> None:
    world.setting("DEBUSINE_FQDN", "x.example.org")
    task = resolve(world, {}, fqdn=DebusineFQDNInput())
    assert (task.build_architecture, task.fqdn) == ("amd64", "x.example.org")
    data = {"build_architecture": "arm64"}
    task = resolve(world, data, architecture=BuildArchitectureInput(field="build_architecture"))
    assert task.architecture == "arm64"


# stages


def test_stages(world: World) -> None:
    pk = world.artifact(SourcePackage.category, SOURCE)
    late = 4711
    task = task_with_inputs(
        {"source": pk, "listed": [late], "nested_lists": [[pk]]},
        early=SingleInput(field="source", stage=Stage.PENDING),
        late=SingleInputList(field="listed"),
        other=MultiInputList(field="nested_lists"),
    )
    resolver = world.resolver(task)
    resolver.resolve_inputs(task, Stage.PENDING)
    found = [name for name in task.inputs if task.field_is_resolved(name)]
    assert found == ["build_architecture", "early"]
    resolver.resolve_early(task, Stage.PENDING)
    assert task.other[0].resolved_ids() == [pk]
    with pytest.raises(TaskConfigError, match="input late is unresolved"):
        _ = task.late
    with pytest.raises(KeyError) as caught:
        resolver.resolve_inputs(task)
    assert caught.value.__notes__ == ["while resolving input late of task withinputs"]


def test_a_later_stage_looks_again(world: World) -> None:
    collection = world.collection(ENVIRONMENTS, "debian")
    task = task_with_inputs(
        {"environment": "debian/match:codename=trixie"},
        environment=EnvironmentInput(stage=Stage.PENDING),
    )
    item = {"codename": "trixie", "architecture": "amd64", "backend": "unshare", "variant": None}
    for stage in Stage:
        newest = world.artifact(SystemTarball.category, TARBALL)
        world.item(collection, f"item{newest}", newest, **item)
        world.resolver(task).resolve_inputs(task, stage)
        assert task.environment.artifact_id == newest


def test_results_are_of_the_documented_types(world: World, resolver: Resolver) -> None:
    pk = world.artifact(SourcePackage.category, SOURCE)
    single = resolver.find_artifact(pk, label="x")
    several = resolver.lookup_multiple_artifacts(LookupMultiple.parse([pk]), label="x")
    assert isinstance(single.data, SourcePackage.data_type)
    assert isinstance(several.artifacts[0].data, SourcePackage.data_type)
    assert isinstance(several, InputArtifactMultiple)

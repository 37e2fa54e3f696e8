# SPDX-License-Identifier: GPL-3.0-or-later
"""What a user wants built, as the tasks of the server understand it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationError

from debusine.artifacts.files import LocalArtifact
from debusine.artifacts.kinds.binary_package import BinaryPackage
from debusine.artifacts.kinds.upload import Upload
from debusine.cli.building.architecture import is_among
from debusine.domain.validation import lines_by_field, messages_by_field
from debusine.errors import UserError
from debusine.tasks.models import ExtraExternalRepository
from debusine.util.apt_sources import AptSource, hide_logins, parse_one_line
from debusine.wire.base import JsonObject

DEFAULT_COMPONENTS = ("all", "any")
_KEY_BLOCK = re.compile(
    r"-----BEGIN PGP PUBLIC KEY BLOCK-----$.*?^-----END PGP PUBLIC KEY BLOCK-----$",
    re.DOTALL | re.MULTILINE,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class BuildRequest:
    """
    What to build and how.

    :param components: of ``all``, ``any`` and ``source``
    :param extra_repositories: as the ``sbuild`` task wants them
    :param resolver: what chooses among build dependencies; None: APT by itself
    :param criteria: for the resolver
    """

    suite: str
    architecture: str
    components: Sequence[str] = DEFAULT_COMPONENTS
    profiles: Sequence[str] = ()
    extra_repositories: Sequence[JsonObject] = field(default=())
    resolver: str | None = None
    criteria: str | None = None

    def sbuild_data(self, source: int, extra: Sequence[int], environment: str) -> JsonObject:
        """Task data of the build."""
        inputs: JsonObject = {"source_artifact": source}
        if extra:
            inputs["extra_binary_artifacts"] = list(extra)
        data: JsonObject = {
            "input": inputs,
            "build_architecture": self.architecture,
            "environment": environment,
            "build_components": list(self.components),
        }
        if self.profiles:
            data["build_profiles"] = list(self.profiles)
        if self.extra_repositories:
            data["extra_repositories"] = list(self.extra_repositories)
        if self.resolver:
            data["build_dep_resolver"] = self.resolver
        if self.criteria:
            data["aspcud_criteria"] = self.criteria
        return data

    def reproducibility_data(
        self, source: int, extra: Sequence[int], environment: str, first_build: int
    ) -> JsonObject:
        """Task data of a second build, which is compared with the first."""
        data = self.sbuild_data(source, extra, environment)
        data["input"] = {**data["input"], "first_build": first_build}
        return data


def require_packages(
    components: Iterable[str], architectures: frozenset[str], architecture: str
) -> None:
    """
    Find out now whether a source has any binary package of the kinds that are wanted.

    :param components: of ``all``, ``any`` and ``source``
    :param architectures: words of the field Architecture of the .dsc; none: nobody knows
    :param architecture: that is built on
    :raises UserError: if it has none
    """
    wanted = set(components) & set(DEFAULT_COMPONENTS)
    kinds = {"all" if word == "all" else "any" for word in architectures}
    if wanted and kinds and not wanted & kinds:
        raise UserError(
            f"nothing to build with --arch-{wanted.pop()}: the packages of this source are of"
            f" architecture {', '.join(sorted(architectures))}",
            resolution=f"Leave the option out, or give --arch-{kinds.pop()}.",
        )
    builds_all = "all" in wanted & kinds
    specific = architectures - {"all"}
    if wanted and specific and not builds_all and not is_among(architecture, specific):
        raise UserError(
            f"nothing to build on {architecture}: this source builds only for"
            f" Architecture: {' '.join(sorted(specific))}",
            resolution="Name one of them with --arch, if a worker builds for it.",
        )


def lintian_data(
    source: int, binaries: Sequence[int], environment: str, architecture: str
) -> JsonObject:
    """Task data of the check of a source and what was built of it, where it was built."""
    return {
        "input": {"source_artifact": source, "binary_artifacts": list(binaries)},
        "environment": environment,
        "build_architecture": architecture,
    }


def split_words(values: Iterable[str]) -> tuple[str, ...]:
    """
    Take options that may be repeated, hold commas, or both.

    >>> split_words(["nocheck,nodoc", "stage1"])
    ('nocheck', 'nodoc', 'stage1')
    """
    return tuple(word for value in values for word in re.split(r"[,\s]+", value) if word)


def extra_packages(paths: Iterable[Path]) -> list[LocalArtifact]:
    """
    Read packages to build with: .deb files, .changes files, or directories of .deb files.

    :raises UserError: if a path holds no package, or one is damaged
    """
    found: list[LocalArtifact] = []
    for path in paths:
        if path.is_dir():
            debs = sorted(path.glob("*.deb"))
            if not debs:
                raise UserError(f"--extra-package {path}: no .deb file in this directory")
            found += [BinaryPackage.from_deb(deb) for deb in debs]
        elif path.suffix == ".changes":
            found.append(Upload.from_changes(path))
        elif path.suffix in {".deb", ".udeb"}:
            found.append(BinaryPackage.from_deb(path))
        else:
            raise UserError(f"--extra-package {path}: neither .deb, .changes nor a directory")
    return found


def parse_extra_repository(line: str) -> JsonObject:
    """
    Read a line as in ``sources.list``: ``deb [signed-by=KEY.asc] URL SUITE COMPONENT...``.

    :returns: as the tasks want it
    :raises UserError: if it is none, holds credentials, or its key cannot be used
    """
    sources = list(parse_one_line(line, name="--extra-repository"))
    if len(sources) != 1 or sources[0].type != "deb":
        raise UserError(
            f"--extra-repository: not one source of binary packages: {line!r}",
            resolution="For example 'deb [signed-by=key.asc] https://deb.example.org/ sid main'",
        )
    source = sources[0]
    parts = urlsplit(source.uri)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise UserError("--extra-repository needs an http or https URL")
    if parts.username or parts.password:
        raise UserError(
            "--extra-repository must not hold credentials: they would be stored and shown",
            resolution="Put them into /etc/apt/auth.conf.d/, as apt_auth.conf(5) says.",
        )
    unknown = [name for name, _ in source.options if name not in {"signed-by", "architectures"}]
    if unknown:
        raise UserError(
            f"--extra-repository: {', '.join(unknown)} cannot be used here",
            resolution="Of the options in brackets, signed-by and arch can.",
        )
    repository: JsonObject = {
        "url": source.uri,
        "suite": source.suite,
        "components": list(source.components),
        "architectures": (source.option("architectures") or "").split(),
        "signing_key": signing_key(source),
    }
    try:
        model = ExtraExternalRepository.model_validate(repository)
    except ValidationError as error:
        fields = messages_by_field(error.errors())
        raise UserError(
            f"--extra-repository: {hide_logins(line)!r} cannot be used",
            details="\n".join(lines_by_field(fields)),
        ) from error
    return model.model_dump(mode="json", exclude_none=True)


def signing_key(source: AptSource) -> str | None:
    """
    Read the key that a source names, if it names one.

    :raises UserError: if it cannot be read, or is not in text form
    """
    name = source.option("signed-by")
    if not name:
        return None
    try:
        text = Path(name).read_bytes().decode("utf-8")
    except OSError as error:
        raise UserError(f"cannot read the key {name}: {error.strerror}") from error
    except UnicodeDecodeError:
        text = ""
    # gpg writes what the keys are above them
    blocks = _KEY_BLOCK.findall(text)
    if not blocks:
        raise UserError(
            f"{name} is no key in text form",
            resolution="Convert it: gpg --no-default-keyring --keyring"
            f" {Path(name).absolute()} --armor --export > key.asc",
        )
    return "\n".join(blocks)

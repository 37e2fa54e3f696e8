# SPDX-License-Identifier: GPL-3.0-or-later
"""``debusine build``: build a Debian package in a clean environment, and check it."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
from click.shell_completion import CompletionItem

from debusine.cli.building.acquire import Acquisition
from debusine.cli.building.architecture import is_architecture
from debusine.cli.building.outcome import Outcome
from debusine.cli.building.overlay import overlay_repositories
from debusine.cli.building.release import SuiteFinder
from debusine.cli.building.report import Epilogue, document, show
from debusine.cli.building.repositories import MirrorOptions, bootstrap_repositories
from debusine.cli.building.request import (
    DEFAULT_COMPONENTS,
    BuildRequest,
    extra_packages,
    parse_extra_repository,
    require_packages,
    split_words,
)
from debusine.cli.building.session import BuildSession, Wishes
from debusine.cli.building.shell import FailedBuild, open_shell
from debusine.cli.building.source import Source, SourceKind, classify
from debusine.cli.connection import Connection, connect_or_embed, running_server
from debusine.cli.context import ARGUMENTS_KEY, Globals
from debusine.cli.health.worker import require_worker
from debusine.cli.holding import kept_text
from debusine.cli.output import ERROR_STATUS_KEY, remember_format
from debusine.cli.progress import Screen
from debusine.cli.verdict import STATUS_NOT_TRIED, Verdict
from debusine.client.local_agent import find_agent
from debusine.errors import DebusineError, UserError
from debusine.settings import default_data_dir
from debusine.util.apt_config import AptMachine, fetch_mirror_lists, read_machine
from debusine.wire.environment import EnvironmentWanted

EXAMPLES = """
SOURCE is a .dsc file, the URL of one, a directory with debian/, or the name of a source
package, which is fetched from the mirror of this machine (NAME or NAME=VERSION).

Exit status: 0 built, 1 the build failed, 2 it could not be tried, 130 stopped by Ctrl-C.
There is no time limit: Ctrl-C, or `debusine work-request abort ID`, stops a build that hangs.

Examples:

\b
  debusine build hello                         this machine's release of hello
  debusine build hello --suite sid             that of unstable
  debusine build . --suite trixie-backports    in trixie, with what must be of backports
  debusine build ./hello_2.10-3.dsc --arch-all
  debusine build https://deb.example.org/debian/pool/main/h/hello/hello_2.10-3.dsc
  debusine build . --dirty                     with changes that are not committed
  debusine build . --profiles nocheck --output /tmp/out
  debusine build . --extra-package ../libfoo/  with packages that you built
  debusine build . --reproducibility           find out whether it reproduces
  debusine build . --shell-on-failure          look around where it failed
  debusine build hello --json > result.json
"""


def _complete_source(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Let the shell complete paths; names of packages are too many to ask for."""
    del context, parameter
    return [CompletionItem(incomplete, type="file")]


@click.command("build", epilog=EXAMPLES)
@click.argument("source", shell_complete=_complete_source)
@click.option("--suite", metavar="NAME", help="Build for this suite. [default: the changelog's]")
@click.option(
    "--arch", metavar="ARCH", help="Build on this architecture. [default: this machine's]"
)
@click.option("--arch-all", is_flag=True, help="Build what is the same everywhere.")
@click.option("--arch-any", is_flag=True, help="Build what differs by architecture.")
@click.option("--source", "with_source", is_flag=True, help="Build a new source package.")
@click.option("--profiles", multiple=True, metavar="P,...", help="Build profiles, e.g. nocheck.")
@click.option(
    "--extra-package",
    "extra",
    multiple=True,
    type=click.Path(path_type=Path, exists=True),
    help="A .deb, .changes or directory with packages to build with.",
)
@click.option(
    "--extra-repository",
    multiple=True,
    metavar="LINE",
    help="One more archive: 'deb [signed-by=KEY.asc] URL SUITE COMPONENT...'.",
)
@click.option("--no-lintian", is_flag=True, help="Do not check what was built.")
@click.option(
    "--reproducibility",
    is_flag=True,
    help="Build a second time, on purpose differently, and compare.",
)
@click.option(
    "--shell-on-failure",
    is_flag=True,
    help="If the build fails: a shell with its source and dependencies. Needs a terminal.",
)
@click.option("--dirty", is_flag=True, help="Take the working tree, not what is committed.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    help="Where files go. [default: debusine-NAME_VERSION]",
)
@click.option(
    "--json",
    is_flag=True,
    callback=remember_format,
    help="Print one JSON document; everything else goes to standard error.",
)
@click.option("--mirror", multiple=True, metavar="[SUITE=]URL", help="Instead of the machine's.")
@click.option("--keyring", multiple=True, metavar="[SUITE=]FILE", help="Keys of the mirror.")
@click.option("--components", multiple=True, metavar="[SUITE=]C,...", help="E.g. main,contrib.")
@click.option("--allow-expired", is_flag=True, help="Take Release files that are out of date.")
@click.option("--allow-unsigned", is_flag=True, help="Take a mirror that signs nothing.")
@click.option("--refresh", is_flag=True, help="Make the environment anew.")
@click.option(
    "--reuse", is_flag=True, help="Take results of earlier requests that did the very same."
)
@click.option(
    "--data-dir",
    type=click.Path(path_type=Path, file_okay=False),
    help="Use the server of this directory, starting it for the time of the build.",
)
@click.option("--server", metavar="NAME", help="Use this server of the configuration.")
@click.pass_context
def command(context: click.Context, /, **options: Any) -> int:
    """Build a Debian package in a clean environment, and check it with lintian."""
    context.meta[ERROR_STATUS_KEY] = STATUS_NOT_TRIED
    given = context.find_object(Globals) or Globals()
    if options["server"]:
        given = given.with_server(options["server"])
    stream = sys.stderr if options["json"] else sys.stdout
    build = _Build(options, given, Screen(stream, quiet=given.silent))
    return build.run(context.meta.get(ARGUMENTS_KEY, ()))


class _Build:
    """One call of the command."""

    def __init__(self, options: dict[str, Any], given: Globals, screen: Screen) -> None:
        self._options = options
        self._given = given
        self._screen = screen

    def run(self, arguments: Sequence[str]) -> int:
        """Do it; returns the exit status."""
        options = self._options
        request_parts = self._checked_options()
        require_worker(self._given, options["data_dir"])
        with TemporaryDirectory(prefix="debusine-source-") as scratch:
            machine = self._machine()
            suites = SuiteFinder(machine=machine, options=self._mirrors(), say=self._screen.note)
            source, pocket = self._acquisition(suites).get(options["source"], Path(scratch))
            wanted = self._environment(suites, pocket.base)
            require_packages(request_parts["components"], source.architectures, wanted.architecture)
            output = self._output(source)
            overlays = overlay_repositories(pocket, suites.find(pocket.base), suites)
            request_parts["extra_repositories"] += overlays
            request = BuildRequest(
                suite=wanted.codename,
                architecture=wanted.architecture,
                resolver=pocket.resolver,
                criteria=pocket.criteria,
                **request_parts,
            )
            wishes = Wishes(
                output=output,
                extra=extra_packages(options["extra"]),
                lintian=not options["no_lintian"] and list(request.components) != ["source"],
                reproducibility=options["reproducibility"],
                reuse=options["reuse"],
            )
            try:
                with connect_or_embed(self._given, options["data_dir"]) as connection:
                    session = BuildSession(
                        connection.client,
                        connection.workspace,
                        self._screen,
                        is_new=connection.data_dir is not None,
                    )
                    outcome = session.run(source, request, wanted, wishes)
                    self._report(outcome, connection, arguments)
                    self._say_what_is_kept(outcome, connection)
                    if options["shell_on_failure"] and outcome.verdict is Verdict.FAILURE:
                        self._shell(connection, outcome, source, request, wishes)
            finally:
                with contextlib.suppress(OSError):  # it holds something
                    output.rmdir()
        return outcome.verdict.exit_status

    def _checked_options(self) -> dict[str, Any]:
        """
        Read the options that have a form of their own.

        :raises click.UsageError: if two of them contradict each other, or what one needs is missing
        :raises UserError: if one of them names nothing that there is
        """
        options = self._options
        if options["server"] and options["data_dir"]:
            raise click.UsageError("--server and --data-dir name two servers; give one of them")
        if options["shell_on_failure"] and not self._has_terminal:
            raise click.UsageError("--shell-on-failure needs a terminal for its shell")
        if options["arch"] and not is_architecture(options["arch"]):
            raise self._no_architecture(options["arch"])
        flags = {"all": "arch_all", "any": "arch_any", "source": "with_source"}
        chosen = tuple(name for name, flag in flags.items() if options[flag])
        return {
            "components": chosen or DEFAULT_COMPONENTS,
            "profiles": split_words(options["profiles"]),
            "extra_repositories": [
                parse_extra_repository(line) for line in options["extra_repository"]
            ],
        }

    @property
    def _has_terminal(self) -> bool:
        return sys.stdin.isatty() and self._screen.is_terminal

    def _no_architecture(self, name: str) -> UserError:
        """Say that an architecture is none, and what the server's workers build for."""
        running = running_server(self._given, self._options["data_dir"])
        known: list[str] = []
        with contextlib.suppress(DebusineError):  # not every server tells
            known = running.client.service_status().architectures if running else []
        known = known or [read_machine().architecture]
        return UserError(
            f"dpkg knows no architecture {name}",
            resolution=f"Give one that a worker builds for: {', '.join(known)}.",
        )

    def _machine(self) -> AptMachine:
        """Read this machine's APT; lists of mirrors are fetched unless a mirror is given."""
        machine = read_machine()
        if not self._options["mirror"]:
            machine = fetch_mirror_lists(machine)
            for trouble in machine.troubles:
                self._screen.warn(trouble)
        return machine

    def _mirrors(self) -> MirrorOptions:
        options = self._options
        return MirrorOptions(
            mirrors=options["mirror"],
            keyrings=options["keyring"],
            components=options["components"],
            allow_expired=options["allow_expired"],
            allow_unsigned=options["allow_unsigned"],
        )

    def _acquisition(self, suites: SuiteFinder) -> Acquisition:
        # APT is run in another directory
        data_dir: Path = (self._options["data_dir"] or default_data_dir()).absolute()
        for path in suites.machine.unreadable:
            self._screen.warn(f"{path} with credentials for mirrors is not readable for you")
        return Acquisition(
            suites=suites,
            suite=self._options["suite"],
            dirty=self._options["dirty"],
            cache=data_dir / "apt",
            screen=self._screen,
        )

    def _environment(self, suites: SuiteFinder, suite: str) -> EnvironmentWanted:
        chosen = suites.find(suite)
        return EnvironmentWanted(
            codename=chosen.codename,
            architecture=self._options["arch"] or suites.machine.architecture,
            bootstrap_repositories=bootstrap_repositories(chosen.sources),
            overrides=chosen.overrides,
            refresh=self._options["refresh"],
        )

    def _output(self, source: Source) -> Path:
        """Choose where files go, and find out now whether they can."""
        chosen: Path | None = self._options["output"]
        if chosen is None:
            text: str = self._options["source"]
            # beside a source tree, as dpkg-buildpackage does: inside it would change it
            is_tree = classify(text) is SourceKind.TREE
            place = Path(text).resolve().parent if is_tree else Path.cwd()
            chosen = place / f"debusine-{source.name}_{source.file_version}"
        chosen = chosen.absolute()
        try:
            chosen.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UserError(
                f"cannot make the directory {chosen}: {error.strerror}",
                resolution="Name another with --output.",
            ) from error
        if not os.access(chosen, os.W_OK | os.X_OK):
            raise UserError(f"cannot write to {chosen}", resolution="Name another with --output.")
        return chosen

    def _report(self, outcome: Outcome, connection: Connection, arguments: Sequence[str]) -> None:
        epilogue = Epilogue(again=arguments, pages=connection.pages, data_dir=connection.data_dir)
        if self._options["json"]:
            click.echo(json.dumps(document(outcome, epilogue, self._screen.warnings), indent=2))
        else:
            show(outcome, epilogue, self._screen)

    def _say_what_is_kept(self, outcome: Outcome, connection: Connection) -> None:
        if outcome.verdict is Verdict.FAILURE:
            for step in outcome.steps:
                if step.work_request is not None and step.verdict is not Verdict.SUCCESS:
                    kept = kept_text(connection.client.holds, step.work_request)
                    if kept is not None:
                        self._screen.note(kept)

    def _shell(
        self,
        connection: Connection,
        outcome: Outcome,
        source: Source,
        request: BuildRequest,
        wishes: Wishes,
    ) -> None:
        """Open a shell; whatever comes of it, the build has failed."""
        step = next(step for step in outcome.steps if step.name == "build")
        if step.work_request is None:
            self._screen.warn("no shell: the build was never asked for")
            return
        failed = FailedBuild(
            work_request=step.work_request,
            log=step.log,
            source=source,
            request=request,
            extra=wishes.extra,
        )
        try:
            open_shell(
                connection.client,
                failed,
                self._screen,
                terminal=sys.stdin.fileno(),
                output=self._screen.stream.fileno(),
                agent=find_agent(connection.client.base_api_url, data_dir=connection.data_dir),
            )
        except DebusineError as error:
            self._screen.warn(f"no shell: {error.explain()}")

# SPDX-License-Identifier: GPL-3.0-or-later
"""
Make small real source packages.

::

    python3 tests/data/make_sources.py [--nonce TEXT] [--revision N] DIRECTORY [NAME...]

prints the path of each .dsc. The nonce ends up in the binary packages, so that a test
can tell that what it got was built from what it gave. All but ``tiny-debhelper`` build
with nothing but build-essential. Needs dpkg-source.
"""

# ruff: noqa: E101, W293  patches and makefiles mix tabs and spaces
from __future__ import annotations

import argparse
import gzip
import io
import secrets
import subprocess
import tarfile
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

MAINTAINER = "Test Package Maintainers <test@example.org>"
DATE = "Thu, 01 Jan 2026 00:00:00 +0000"
EPOCH_S = 1_767_225_600

PROGRAM = """\
#include <stdio.h>

int main(void)
{
	puts("@NONCE@");
	return 0;
}
"""

SCRIPT = "#!/bin/sh\necho '@NONCE@'\n"

PATCH = """\
Description: Greet before printing the nonce
Author: Test Package Maintainers <test@example.org>
Forwarded: not-needed

--- a/main.c
+++ b/main.c
@@ -2,6 +2,7 @@
 
 int main(void)
 {
+	puts("hello");
 	puts("@NONCE@");
 	return 0;
 }
"""

CONTROL = """\
Source: @NAME@
Section: utils
Priority: optional
Maintainer: Test Package Maintainers <test@example.org>
Standards-Version: 4.7.0
Rules-Requires-Root: no
@BUILD_DEPENDS@
@PACKAGES@"""

PACKAGE = """
Package: @PACKAGE@
Architecture: @ARCHITECTURE@
Depends: ${shlibs:Depends}, ${misc:Depends}
Description: tiny package made for a test
 It holds one program that prints a line
 and is of no other use.
"""

COPYRIGHT = """\
Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/

Files: *
Copyright: 2026 Test Package Maintainers
License: CC0-1.0
 On Debian systems, the text of the CC0 1.0 Universal license is in
 /usr/share/common-licenses/CC0-1.0.
"""

RULES_HEAD = """\
#!/usr/bin/make -f
export DEB_BUILD_MAINT_OPTIONS = hardening=+all
include /usr/share/dpkg/default.mk
%:
	@true
build: build-arch build-indep
binary: binary-arch binary-indep
clean:
	rm -rf program debian/tmp-* debian/files debian/*.substvars
define finish
	install -d debian/tmp-$(1)/usr/share/doc/$(1)
	install -m 644 debian/copyright debian/tmp-$(1)/usr/share/doc/$(1)/
	gzip -9n < debian/changelog > debian/tmp-$(1)/usr/share/doc/$(1)/@CHANGELOG@.gz
	chmod 644 debian/tmp-$(1)/usr/share/doc/$(1)/@CHANGELOG@.gz
	install -d debian/tmp-$(1)/DEBIAN
	dpkg-gencontrol -p$(1) -Pdebian/tmp-$(1) -Tdebian/$(1).substvars
	dpkg-deb --root-owner-group --build debian/tmp-$(1) ..
endef
"""

RULES_C = """\
build-arch: program
program: main.c
	$(CC) $(CPPFLAGS) $(CFLAGS) -g $(LDFLAGS) -Wl,--build-id=sha1 -o $@ $<
binary-arch: build-arch
	install -D program debian/tmp-@NAME@/usr/bin/@NAME@
	strip --remove-section=.comment --remove-section=.note debian/tmp-@NAME@/usr/bin/@NAME@
	touch debian/@NAME@.substvars
	dpkg-shlibdeps -Tdebian/@NAME@.substvars debian/tmp-@NAME@/usr/bin/@NAME@
	$(call finish,@NAME@)
"""

# what dh_strip and dh_gencontrol do for automatic debug packages
RULES_DBGSYM = """\
binary-arch: dbgsym
dbgsym: build-arch
	set -e; id=$$(readelf -n program | sed -n 's/.*Build ID: //p'); \\
	dir=debian/tmp-@NAME@-dbgsym; top=$$dir/usr/lib/debug/.build-id; \\
	file=$$top/$$(echo $$id | cut -c1-2)/$$(echo $$id | cut -c3-).debug; \\
	mkdir -p $$dir/DEBIAN $$(dirname $$file); \\
	objcopy --only-keep-debug program $$file; chmod 644 $$file; \\
	dpkg-gencontrol -p@NAME@ -P$$dir -T/dev/null -DPackage=@NAME@-dbgsym -DSection=debug \\
	  '-DDepends=@NAME@ (= $${binary:Version})' '-DDescription=debug symbols for @NAME@' \\
	  -DAuto-Built-Package=debug-symbols -DBuild-Ids=$$id; \\
	dpkg-deb --root-owner-group --build $$dir ..
"""

RULES_DATA = """\
binary-indep:
	install -d debian/tmp-@PACKAGE@/usr/share/@PACKAGE@
	install -m 644 nonce debian/tmp-@PACKAGE@/usr/share/@PACKAGE@/
	touch debian/@PACKAGE@.substvars
	$(call finish,@PACKAGE@)
"""

# one file for each thing that a second build may do in another way
RULES_VARIED = """\
binary-indep:
	umask; rm -rf debian/tmp-@PACKAGE@
	mkdir -p debian/tmp-@PACKAGE@/usr/share/@PACKAGE@
	cd debian/tmp-@PACKAGE@/usr/share/@PACKAGE@; \\
	pwd > path; uname -n > host; id -un > user; date > clock; date +%Z > timezone; \\
	echo "locale $$LC_ALL" > locale; echo "cpus $$(nproc)" > cpus; touch umask; \\
	chmod 644 path host user clock timezone locale cpus
	touch debian/@PACKAGE@.substvars
	$(call finish,@PACKAGE@)
"""

RULES_FAIL = """\
binary-arch: build-arch
build-arch:
	@echo 'this package cannot be built: @NONCE@'
	@exit 3
"""

# what profiles and options a build has, and what of the archives it got
RULES_SHOW = """\
build-arch: shown
shown:
	@echo 'profiles: $(DEB_BUILD_PROFILES), options: $(DEB_BUILD_OPTIONS)'
	@cat /usr/share/extra-archive/* 2>/dev/null || true
"""

# one process stays in the group of the build, one leaves it
RULES_HANG = """\
binary-arch: build-arch
build-arch:
	@setsid sleep 600 & echo 'this package hangs: @NONCE@'; sleep 600
"""

RULES_DEBHELPER = """\
#!/usr/bin/make -f
%:
	dh $@
override_dh_auto_build:
	$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o program main.c
override_dh_auto_install:
	install -D program debian/@NAME@/usr/bin/@NAME@
"""

# one test for each way to end; what needs nothing comes first, so that nothing is installed twice
TESTS = """\
Tests: fails, is-skipped
Depends:
Restrictions: skippable

Tests: is-flaky
Depends:
Restrictions: flaky

Tests: needs-machine
Depends:
Restrictions: isolation-machine

Tests: runs
Depends: @, gcc, libc6-dev
Restrictions: needs-root
"""
TEST_RUNS = """\
#!/bin/sh
set -e
test "$(id -u)" = 0
gcc -o "$AUTOPKGTEST_TMP/program" main.c
test "$("$AUTOPKGTEST_TMP/program")" = "$(@NAME@)"
@NAME@ | tee "$AUTOPKGTEST_ARTIFACTS/said"
"""


@dataclass(frozen=True, kw_only=True)
class Source:
    """
    A source package to make.

    :param packages: architecture by binary package
    :param rules: debian/rules, ``@WORDS@`` to be replaced
    :param revision: of the packaging, where that has one
    """

    name: str
    packages: dict[str, str]
    rules: str
    format: str = "3.0 (native)"
    build_depends: str = ""
    revision: str = "1"
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def is_native(self) -> bool:
        """Whether it has no upstream tarball."""
        return self.format == "3.0 (native)"

    @property
    def version(self) -> str:
        """Its version, the same at every run."""
        return "1.0" if self.is_native else f"1.0-{self.revision}"


SOURCES = {
    source.name: source
    for source in (
        Source(
            name="tiny-quilt",
            packages={"tiny-quilt": "any", "tiny-quilt-data": "all"},
            rules=RULES_HEAD
            + RULES_C
            + RULES_DBGSYM
            + RULES_DATA.replace("@PACKAGE@", "tiny-quilt-data"),
            format="3.0 (quilt)",
            extra={"patches/series": "greet.patch\n", "patches/greet.patch": PATCH},
        ),
        Source(name="tiny-native", packages={"tiny-native": "any"}, rules=RULES_HEAD + RULES_C),
        Source(
            name="tiny-one",
            packages={"tiny-one": "any"},
            rules=RULES_HEAD + RULES_C,
            format="1.0",
        ),
        Source(
            name="tiny-soft",
            packages={"tiny-soft": "any"},
            # what the compiler is told to harden programs is left out
            rules=RULES_HEAD + RULES_C.replace("$(CPPFLAGS) $(CFLAGS) -g $(LDFLAGS)", "-O2"),
        ),
        Source(
            name="tiny-all",
            packages={"tiny-all": "all"},
            rules=RULES_HEAD + RULES_DATA.replace("@PACKAGE@", "tiny-all"),
        ),
        Source(
            name="tiny-varied",
            packages={"tiny-varied": "all"},
            rules=RULES_HEAD + RULES_VARIED.replace("@PACKAGE@", "tiny-varied"),
        ),
        Source(name="tiny-fail", packages={"tiny-fail": "any"}, rules=RULES_HEAD + RULES_FAIL),
        Source(name="tiny-hang", packages={"tiny-hang": "any"}, rules=RULES_HEAD + RULES_HANG),
        Source(
            name="tiny-unmet",
            packages={"tiny-unmet": "any"},
            rules=RULES_HEAD + RULES_C,
            build_depends="no-such-package-anywhere",
        ),
        Source(
            name="tiny-tested",
            packages={"tiny-tested": "any"},
            rules=RULES_HEAD + RULES_C,
            extra={
                "tests/control": TESTS,
                "tests/runs": TEST_RUNS,
                "tests/fails": "#!/bin/sh\necho 'it fails: @NONCE@'\nexit 3\n",
                "tests/is-skipped": "#!/bin/sh\necho 'nothing to do'\nexit 77\n",
                "tests/is-flaky": "#!/bin/sh\nexit 1\n",
            },
        ),
        Source(
            name="tiny-profile",
            packages={"tiny-profile": "any"},
            rules=RULES_HEAD + RULES_C + RULES_SHOW,
            build_depends="no-such-package-anywhere <!nocheck>",
        ),
        Source(
            name="tiny-overlay",
            packages={"tiny-overlay": "any"},
            rules=RULES_HEAD + RULES_C + RULES_SHOW,
            build_depends="newer (>= 2), older",
        ),
        Source(
            name="tiny-debhelper",
            packages={"tiny-debhelper": "any"},
            rules=RULES_DEBHELPER,
            build_depends="debhelper-compat (= 13)",
        ),
    )
}


def make_source(source: Source, destination: Path, nonce: str) -> Path:
    """
    Make one source package.

    :param destination: a directory, made if need be; a directory ``NAME-1.0`` with the
        unpacked source is left there
    :returns: its .dsc
    """
    tree = destination / f"{source.name}-1.0"
    write = _writer(tree, source, nonce)
    write("main.c", PROGRAM)
    write("nonce", "@NONCE@\n")
    if not source.is_native:
        _make_orig(tree, destination / f"{source.name}_1.0.orig.tar.gz")
    build_depends = f"Build-Depends: {source.build_depends}\n" if source.build_depends else ""
    packages = "".join(
        PACKAGE.replace("@PACKAGE@", name).replace("@ARCHITECTURE@", architecture)
        for name, architecture in source.packages.items()
    )
    control = CONTROL.replace("@PACKAGES@", packages)
    write(
        "debian/control",
        control.replace("@BUILD_DEPENDS@\n", build_depends and build_depends + "\n"),
    )
    write("debian/rules", source.rules)
    (tree / "debian/rules").chmod(0o755)
    write("debian/copyright", COPYRIGHT)
    write("debian/source/format", source.format + "\n")
    write(
        "debian/changelog",
        f"{source.name} ({source.version}) unstable; urgency=medium\n\n"
        f"  * Nonce @NONCE@.\n\n -- {MAINTAINER}  {DATE}\n",
    )
    for path, text in source.extra.items():
        write(f"debian/{path}", text)
    command = ["dpkg-source", "--build", tree.name]
    done = subprocess.run(  # noqa: TID251  a script without the product
        command, cwd=destination, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stdout + done.stderr)
    return destination / f"{source.name}_{source.version}.dsc"


def _writer(tree: Path, source: Source, nonce: str) -> Callable[[str, str], None]:
    """Return a function that writes a file of a tree, with the words replaced."""
    changelog = "changelog" if source.is_native else "changelog.Debian"
    words = {"@NONCE@": nonce, "@NAME@": source.name, "@CHANGELOG@": changelog}

    def write(path: str, text: str) -> None:
        for word, value in words.items():
            text = text.replace(word, value)
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)

    return write


def _make_orig(tree: Path, target: Path) -> None:
    """Pack the upstream tarball, the same bytes for the same content."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for path in sorted(tree.iterdir()):
            member = archive.gettarinfo(path, arcname=f"{tree.name}/{path.name}")
            member.uid = member.gid = 0
            member.uname = member.gname = "root"
            member.mtime = EPOCH_S
            with path.open("rb") as file:
                archive.addfile(member, file)
    target.write_bytes(gzip.compress(packed.getvalue(), mtime=0))


def main() -> None:
    """Make the packages asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("directory", type=Path)
    parser.add_argument("names", nargs="*", metavar="NAME", help=", ".join(SOURCES))
    parser.add_argument("--nonce", default=secrets.token_hex(16))
    parser.add_argument("--revision", default="1")
    arguments = parser.parse_args()
    arguments.directory.mkdir(parents=True, exist_ok=True)
    for name in arguments.names or SOURCES:
        source = replace(SOURCES[name], revision=arguments.revision)
        print(make_source(source, arguments.directory, arguments.nonce))  # noqa: T201  a program


if __name__ == "__main__":
    main()

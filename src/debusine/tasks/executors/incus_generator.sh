#!/bin/sh
# SPDX-License-Identifier: GPL-3.0-or-later
# A generator of systemd: have a system start in a container of Incus as it would elsewhere.
# Sources: systemd.generator(7), systemd.unit(5), "The Container Interface" of systemd
# Arguments: the directory for units of normal, of early and of late priority.
set -eu

early=$2

# elsewhere, nothing stands in the way; who is told nothing looks at what the first process was told
case "${SYSTEMD_VIRTUALIZATION:-}" in
    container:lxc) ;;
    '') tr '\0' '\n' </proc/1/environ | grep -q '^container=lxc$' || exit 0 ;;
    *) exit 0 ;;
esac

# What asks for things that belong to the machine: modules, its kernel's file systems, its audit.
# Units that nothing can start would leave the system "degraded".
for unit in \
    dev-hugepages.mount \
    proc-sys-fs-binfmt_misc.automount \
    proc-sys-fs-binfmt_misc.mount \
    sys-fs-fuse-connections.mount \
    sys-kernel-config.mount \
    sys-kernel-debug.mount \
    sys-kernel-tracing.mount \
    systemd-journald-audit.socket \
    systemd-modules-load.service \
    systemd-remount-fs.service
do
    ln -sf /dev/null "$early/$unit"
done

# a login on the console asks for a device that may not be there
[ -c /dev/console ] || ln -sf /dev/null "$early/console-getty.service"

# Services ask for mounts of their own, to have less of the system in sight. Where the container
# may not mount, they would not start at all; the container itself is their sandbox then.
if ! unshare --mount --propagation private mount -t tmpfs none /run 2>/dev/null; then
    mkdir -p "$early/service.d"
    cat >"$early/service.d/zz-container.conf" <<'END'
[Service]
BindPaths=
BindReadOnlyPaths=
ImportCredential=
InaccessiblePaths=
LoadCredential=
NoExecPaths=
PrivateDevices=no
PrivateMounts=no
PrivateTmp=no
ProcSubset=all
ProtectClock=no
ProtectControlGroups=no
ProtectHome=no
ProtectHostname=no
ProtectKernelLogs=no
ProtectKernelModules=no
ProtectKernelTunables=no
ProtectProc=default
ProtectSystem=no
ReadOnlyPaths=
ReadWritePaths=
RestrictNamespaces=no
TemporaryFileSystem=
END
fi

# SPDX-License-Identifier: GPL-3.0-or-later
#
# First process of a sandbox: makes its file system, then waits for its end.
#
# Runs as id 0 of a user namespace, in mount, PID, IPC, UTS and network namespaces of its
# own, in the directory of the instance. Only that directory and inherited files
# can be relied on: directories above may be closed to the subordinate ids. Nothing of
# the image runs here, since until the end of this script the host can be seen.
#
#   $1  where the tree lies: memory or disk
#   $2  how much memory it may take, in bytes
#   $3  empty: somebody else unpacks the tree into scratch/root, when asked by
#       "unpack PID" on standard output, and answers with a line when it is done;
#       otherwise a tree to put a layer on, which subordinate ids must be able to reach
#
# Says "ready PID" on standard output, from then on repeats there what it is told: who
# hears the echo makes its working directory the root of the sandbox. Ends, with all
# that runs here, when standard input is closed: also when its parent was killed.

set -eu
umask 022

# as seen from outside: this is still the /proc of the host
read -r pid _ </proc/self/stat

new() { # TYPE OPTIONS DIRECTORY
    mount --no-mtab --no-canonicalize --types "$1" --options "$2" "$1" "$3"
}

layer() { # OPTION
    new overlay "lowerdir=$base,upperdir=scratch/upper,workdir=scratch/work,userxattr$1" \
        scratch/root
}

# names take memory, too
limits="size=$2,nr_inodes=$(($2 / 8192 + 100000))"
if [ "$1" = memory ]; then
    new tmpfs "mode=0755,$limits" scratch
fi
cd scratch
# few programs are started, and each does much: on a busy machine that is what takes time
mkdir root upper work dev dev/pts dev/shm
cp --no-dereference /dev/fd /dev/stdin /dev/stdout /dev/stderr dev/
ln -s pts/ptmx dev/ptmx
cd ..

base=$3
if [ -n "$base" ]; then
    # nothing here outlives a crash, so that nobody need wait for a disk: since Linux 5.10
    layer ,volatile || layer ''
else
    echo "unpack $pid"
    read -r _ || exit 1
    # a mount point of its own, so that it can become the root
    mount --no-mtab --no-canonicalize --bind scratch/root scratch/root
fi

cd scratch/root
for directory in dev proc etc; do
    # it would lead to a place of the host
    if [ -L "$directory" ]; then
        echo "the image has a link at /$directory" >&2
        exit 1
    fi
done
if [ ! -L bin ] && [ ! -d bin ]; then
    echo 'the image holds no system' >&2
    exit 1
fi
[ -d dev ] && [ -d proc ] && [ -d etc ] && [ -d tmp ] || mkdir -p dev proc etc tmp

echo '../dev dev none bind,nosuid 0 0' >../fstab
for node in null zero full random urandom tty; do
    : >"../dev/$node"
    echo "/dev/$node dev/$node none bind 0 0"
done >>../fstab
echo 'devpts dev/pts devpts newinstance,ptmxmode=0666,mode=0620,gid=5 0 0' >>../fstab
if [ "$1" = memory ]; then
    # one limit for both
    mkdir -m 1777 ../shm
    echo '../shm dev/shm none bind,nosuid,nodev 0 0' >>../fstab
else
    echo "tmpfs dev/shm tmpfs mode=1777,nosuid,nodev,$limits 0 0" >>../fstab
fi
echo 'proc proc proc nosuid,nodev,noexec 0 0' >>../fstab
mount --all --no-mtab --no-canonicalize --fstab ../fstab

# the link of systemd-resolved would lead nowhere
if [ -L etc/resolv.conf ]; then
    rm etc/resolv.conf
fi
if [ -r /etc/resolv.conf ]; then
    while IFS= read -r line || [ -n "$line" ]; do
        printf '%s\n' "$line"
    done </etc/resolv.conf >etc/resolv.conf
fi
if [ ! -e etc/hosts ] && [ ! -L etc/hosts ]; then
    printf '127.0.0.1 localhost\n::1 localhost ip6-localhost\n' >etc/hosts
fi
# where the layer is no help
unsafe=etc/dpkg/dpkg.cfg.d/debusine-sandbox
if [ -d etc/dpkg/dpkg.cfg.d ] && [ ! -L etc/dpkg ] && [ ! -L etc/dpkg/dpkg.cfg.d ] &&
    [ ! -L "$unsafe" ]; then
    echo force-unsafe-io >"$unsafe"
fi

ip link set lo up

echo "ready $pid"
# orphans end here; who ignores their signal need not wait for them (a shell cannot ignore it)
exec env --ignore-signal=CHLD cat 2>/dev/null

# SPDX-License-Identifier: GPL-3.0-or-later
#
# First process of a sandbox: makes its file system, then waits for its end.
#
# Runs as id 0 of a user namespace, in mount, PID, IPC and UTS namespaces of its
# own, in the directory of the instance. Only that directory and inherited files
# can be relied on: directories above may be closed to the subordinate ids.
#
#   $1  where the tree lies: memory or disk
#   $2  how much memory it may take, in bytes
#   $3  empty: somebody else unpacks the tree into scratch/root, when asked by
#       "unpack PID" on standard output, and answers with a line when it is done;
#       otherwise a tree to put a layer on, which subordinate ids must be able to reach
#
# Says "ready PID" on standard output, from then on repeats there what it is told: who
# hears the echo knows that no process is left outside of the tree. Ends, with all
# that runs here, when standard input is closed: also when its parent was killed.

set -eu
umask 022

# as seen from outside: this is still the /proc of the host
read -r pid _ </proc/self/stat

bind() {
    mount --no-mtab --no-canonicalize --bind "$1" "$2"
}

new() { # TYPE OPTIONS DIRECTORY
    mount --no-mtab --no-canonicalize --types "$1" --options "$2" "$1" "$3"
}

if [ "$1" = memory ]; then
    new tmpfs "mode=0755,size=$2" scratch
fi
mkdir scratch/root
if [ -n "$3" ]; then
    mkdir scratch/upper scratch/work
    new overlay "lowerdir=$3,upperdir=scratch/upper,workdir=scratch/work,userxattr" \
        scratch/root
else
    echo "unpack $pid"
    read -r _ || exit 1
    # a mount point of its own, so that it can become the root
    bind scratch/root scratch/root
fi

cd scratch/root
mkdir -p dev proc etc tmp

new tmpfs mode=0755,nosuid dev
for node in null zero full random urandom tty; do
    : >"dev/$node"
    bind "/dev/$node" "dev/$node"
done
mkdir dev/pts dev/shm
new devpts newinstance,ptmxmode=0666,mode=0620,gid=5 dev/pts
new tmpfs mode=1777,nosuid,nodev dev/shm
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr

# the link of systemd-resolved would lead nowhere
rm -f etc/resolv.conf
if [ -r /etc/resolv.conf ]; then
    cat /etc/resolv.conf >etc/resolv.conf
fi
if [ ! -e etc/hosts ]; then
    printf '127.0.0.1 localhost\n::1 localhost ip6-localhost\n' >etc/hosts
fi

new proc nosuid,nodev,noexec proc
# over the root, not chroot: the kernel gives no user namespaces to who lives in a chroot
mount --no-mtab --no-canonicalize --move . /

chroot . cat /dev/null
echo "ready $pid"
# orphans end here; who ignores their signal need not wait for them (a shell cannot ignore it)
exec env --ignore-signal=CHLD chroot . cat

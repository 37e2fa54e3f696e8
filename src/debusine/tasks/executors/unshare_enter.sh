# SPDX-License-Identifier: GPL-3.0-or-later
#
# Gives a sandbox a user namespace of its own, below that of the subordinate ids.
#
# How many processes a namespace may have, the kernel decides when it is made, whatever
# users they become: a fork bomb hits its own sandbox only, and no other one of the same user.
#
#   $1  how many processes there may be in it
#   $2  the script of its first process; what follows are its arguments
#
# The namespace has the ids of ours. Only we may say so, while it is made; whoever waits
# for that has no rights in it before it runs a program again.

set -eu

limit=$1
init=$2
shift 2
pid=$$

copy_map() {
    read -r _ _ count <"/proc/self/$1"
    echo "0 0 $count" >"/proc/$pid/$1"
}

(
    while [ "/proc/$pid/ns/user" -ef /proc/self/ns/user ]; do :; done
    copy_map gid_map && copy_map uid_map || kill -KILL "$pid"
) &

exec prlimit "--nproc=$limit:$limit" unshare \
    --user --mount --propagation private --pid --ipc --uts --net --fork --kill-child=KILL \
    sh -c 'until read -r _ </proc/self/uid_map; do :; done; exec sh -c "$0" debusine-sandbox "$@"' \
    "$init" "$@"

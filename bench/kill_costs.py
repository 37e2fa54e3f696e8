# SPDX-License-Identifier: GPL-3.0-or-later
"""
How long a request is held up when -9 kills the server or the worker that runs it.

Times are in leases, which is what a worker may be silent for. The task of a killed
server goes on, so what counts there is when the server knows of it again.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from debusine.testing.farm import Farm, farm
from debusine.testing.waiting import wait_for
from debusine.wire.attempt import AttemptRecord

PLUGINS = Path(__file__).parents[1] / "tests/e2e/plugin"


def running_request(place: Farm, input_artifact: int) -> int:
    """Have a request run that would not end by itself."""
    request = place.probe(input_artifact, "sleep 3600")
    place.wait_for_log(request.id, "Running")
    return request.id


def attempts(place: Farm, request: int) -> list[AttemptRecord]:
    """All of a request, oldest first."""
    return place.client().work_request_attempts(request)


def server_killed(place: Farm, request: int) -> float:
    """Seconds until the server, started anew, knows what runs."""
    began = time.monotonic()
    place.kill("server")
    (still,) = attempts(place, request)
    assert still.ended_at is None
    return time.monotonic() - began


def agent_killed(place: Farm, request: int) -> float:
    """Seconds until the agent, started anew, runs the request again."""
    began = time.monotonic()
    place.kill("agent")
    wait_for(lambda: len(attempts(place, request)) > 1)
    return time.monotonic() - began


def agent_gone(place: Farm, request: int, lease_s: float) -> float:
    """Seconds until the request waits again for anybody, as its worker does not come back."""
    assert place.agent is not None
    began = time.monotonic()
    place.agent.kill()
    place.agent.wait()
    wait_for(
        lambda: all(one.ended_at for one in attempts(place, request)), timeout_s=60 + 2 * lease_s
    )
    took = time.monotonic() - began
    place.client().work_request_abort(request)
    place.start_agent()
    return took


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lease", type=float, default=60, help="seconds; default: %(default)s")
    parser.add_argument("--rounds", type=int, default=2)
    given = parser.parse_args()
    print(f"Held up by a kill, in leases of {given.lease:g} s; aim: one\n")
    print("| killed                        | worst of all |\n|---|---|")
    worst: dict[str, float] = {}
    with farm(PLUGINS, lease_s=given.lease) as place:
        artifact = place.upload_input(size_mib=1)
        for _ in range(given.rounds):
            request = running_request(place, artifact)
            found = {
                "server, and started again": server_killed(place, request),
                "worker, and started again": agent_killed(place, request),
                "worker, and it stays away": agent_gone(place, request, given.lease),
            }
            worst = {what: max(took, worst.get(what, 0.0)) for what, took in found.items()}
    for what, took in worst.items():
        print(f"| {what:<29} | {took / given.lease:>12.3f} |")


if __name__ == "__main__":
    main()

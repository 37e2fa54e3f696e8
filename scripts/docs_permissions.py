# SPDX-License-Identifier: GPL-3.0-or-later
"""Tables of roles and permissions, from the same tables that the server decides by."""

from __future__ import annotations

from debusine.domain.permission import Rule, Task, Verb
from debusine.domain.role import GIVEN_BY, INSIDE, PERHAPS_INSIDE, Role, Tie

DASH = "-"


def roles() -> str:
    """What gives each role."""
    rows = ["| role | who has it |", "|---|---|"]
    for role, sources in GIVEN_BY.items():
        ways = "; ".join(_name(source) for source in sources)
        rows.append(f"| {_name(role)} | {ways} |")
    return "\n".join(rows)


def surroundings() -> str:
    """What has to be visible around a thing."""
    certain = [f"- a role on a {name(on)} counts for: {_name(role)}" for on, role in INSIDE.items()]
    perhaps = [
        f"- a role on a {name(on)} that is in a {name(role.resource)} counts for: {_name(role)}"
        for on, role in PERHAPS_INSIDE.items()
    ]
    return "\n".join(certain + perhaps)


def permissions() -> str:
    """Who may do what."""
    rows = [
        "| on | may be done | by | a running task | without a token | token with grants only |",
        "|---|---|---|---|---|---|",
    ]
    rows += [_row(verb.rule) for verb in Verb]
    return "\n".join(rows)


def name(text: str) -> str:
    """Words of a name."""
    return text.replace("_", " ")


def _row(rule: Rule) -> str:
    needs = _name(rule.needs) + (f"; {rule.only.value}" if rule.only.value else "")
    task = DASH if rule.task is Task.NO else rule.task.value
    anonymous = "if public" if rule.anonymous else DASH
    grant = DASH if rule.grant is None else _name(rule.grant)
    return f"| {rule.on} | {rule.says} | {needs} | {task} | {anonymous} | {grant} |"


def _name(source: Role | Tie) -> str:
    if isinstance(source, Tie):
        return source.value
    return f"{name(source.resource)} {source.label}"

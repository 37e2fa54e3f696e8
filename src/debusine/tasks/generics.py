# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out for which data models a task class specialises the bases."""

from __future__ import annotations

from typing import Any, get_args, get_origin

from typing_extensions import NoDefault


def data_types(cls: type[Any], root: type[Any]) -> tuple[Any, Any]:
    """
    Models of submitted and dynamic data of a new task class.

    Its parents know theirs already, as ``task_data_type`` and ``dynamic_task_data_type``.
    A generic class has type variables in their place. A task that builds on another one, and
    takes more than that, names its models itself.

    :param root: the class that all tasks descend from; its two type variables are meant
    :raises AssertionError: if two parents disagree
    """
    if "task_data_type" in vars(cls):
        return cls.task_data_type, cls.dynamic_task_data_type
    found = [
        _pair(origin, get_args(base), root)
        for base in vars(cls).get("__orig_bases__", cls.__bases__)
        if isinstance(origin := get_origin(base) or base, type) and issubclass(origin, root)
    ]
    if any(pair != found[0] for pair in found):
        names = ", ".join(str(pair) for pair in found)
        message = f"parents of {cls.__name__} disagree on the data models: {names}"
        raise AssertionError(message)
    return found[0]


def _pair(origin: Any, args: tuple[Any, ...], root: type[Any]) -> tuple[Any, Any]:
    first, second = (
        origin.__parameters__
        if origin is root
        else (origin.task_data_type, origin.dynamic_task_data_type)
    )
    given = _arguments(getattr(origin, "__parameters__", ()), args)
    return given.get(first, first), given.get(second, second)


def _arguments(parameters: tuple[Any, ...], args: tuple[Any, ...]) -> dict[Any, Any]:
    """What stands for each type variable; those that are not given have their default."""
    given = dict(zip(parameters, args, strict=False))
    for parameter in parameters[len(args) :] if args else ():
        default = getattr(parameter, "__default__", NoDefault)
        if default is not NoDefault:
            given[parameter] = default
    return given

# SPDX-License-Identifier: GPL-3.0-or-later
"""
Every setting of the server: name, type, default and what it is for.

Each can be given in the environment as ``DEBUSINE_NAME``.
"""

from __future__ import annotations

import os
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict


def default_data_dir() -> Path:
    """Where everything lies unless a user says otherwise (XDG base directory; root: /var/lib)."""
    if os.geteuid() == 0:
        return Path("/var/lib/debusine")
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local/share")
    return Path(base) / "debusine"


class JobsPlace(StrEnum):
    """Where a server has its jobs done."""

    IN_PROCESS = "in-process"
    ELSEWHERE = "elsewhere"


class Settings(BaseSettings):
    """Settings of one server."""

    model_config = SettingsConfigDict(env_prefix="DEBUSINE_", extra="ignore", frozen=True)

    data_dir: Path = Field(
        default_factory=default_data_dir,
        description="Directory of the database, files, logs and keys of the server.",
    )
    database_url: str | None = Field(
        default=None,
        description="postgresql://user@host:port/name; unset: SQLite in the data directory.",
    )
    redis_url: str | None = Field(
        default=None,
        description="redis://host:port/0: wake-ups and jobs of several processes; unset: one.",
    )
    fqdn: str = Field(
        default="localhost",
        description="Name of this server, as people and maintainer addresses use it.",
    )
    debian_archive_primary_fqdn: str = Field(
        default="deb.localhost",
        description="Name under which this server publishes package archives.",
    )
    debian_archive_url_scheme_for_tasks: str = Field(
        default="http",
        description="Scheme of the archives' URLs that tasks are given.",
    )
    default_scope: str = Field(
        default="debusine",
        description="Scope of requests that name none.",
    )
    default_workspace: str = Field(
        default="System",
        description="Workspace of requests that name none.",
    )
    fallback_architecture: str = Field(
        default="amd64",
        description="Architecture of tasks that name none.",
    )
    tag_based_scheduling: bool = Field(
        default=True,
        description="Match tasks and workers by tags; otherwise by worker metadata.",
    )
    lease: timedelta = Field(
        default=timedelta(seconds=60),
        description="How long a worker may be silent before its work is given to another.",
    )
    disconnect_grace: timedelta = Field(
        default=timedelta(minutes=10),
        description="The same for workers that send no heartbeat, counted from their disconnect.",
    )
    retries_lost_worker: int = Field(
        default=3,
        ge=0,
        description="How often a request is tried again because nothing is heard of its worker.",
    )
    retries_infrastructure: int = Field(
        default=1,
        ge=0,
        description="The same, because its worker says that the worker itself is broken.",
    )
    retries_network: int = Field(
        default=3,
        ge=0,
        description="The same, because the network or a mirror failed.",
    )
    retries_out_of_space: int = Field(
        default=1,
        ge=0,
        description="The same, because a disk of its worker is full.",
    )
    retries_out_of_memory: int = Field(
        default=2,
        ge=0,
        description="The same, because it was ended for want of memory; it gets more if it can.",
    )
    retries_dependency: int = Field(
        default=0,
        ge=0,
        description="The same, because packages that it needs cannot be installed yet.",
    )
    retries_flaky: int = Field(
        default=0,
        ge=0,
        description="The same, because it says that the failure may pass, and not why.",
    )
    retry_delay: timedelta = Field(
        default=timedelta(seconds=30),
        description="Wait before the first retry of a kind; each further one waits twice as long.",
    )
    retry_delay_max: timedelta = Field(
        default=timedelta(hours=1),
        description="No automatic retry waits longer than this.",
    )
    fair_share_max: timedelta = Field(
        default=timedelta(hours=6),
        ge=timedelta(0),
        le=timedelta(days=30),
        description="How much earlier or later fair share puts a request; 0: not at all.",
    )
    fair_share_half_life: timedelta = Field(
        default=timedelta(days=1),
        gt=timedelta(0),
        description="Time after which what users and workspaces have had counts half.",
    )
    environment_max_age: timedelta = Field(
        default=timedelta(days=7),
        description="Environments older than this are made anew before the next build.",
    )

    event_max_age: timedelta = Field(
        default=timedelta(days=30),
        description="Listeners that stay away longer than this cannot resume where they stopped.",
    )
    jobs: JobsPlace = Field(
        default=JobsPlace.IN_PROCESS,
        description="in-process: the server runs jobs; elsewhere: only processes for jobs do.",
    )
    server_tasks: int = Field(
        default=2,
        ge=1,
        description="How many tasks of the server a process runs at a time.",
    )
    log_max_age: timedelta = Field(
        default=timedelta(days=365),
        description="Logs of attempts that ended longer ago are removed.",
    )
    hold_max: timedelta = Field(
        default=timedelta(hours=8),
        ge=timedelta(0),
        le=timedelta(days=1),
        description="How long environments of failed tasks may be kept, on workers that keep"
        " some; 0: not at all.",
    )
    terminal_idle: timedelta = Field(
        default=timedelta(minutes=15),
        ge=timedelta(seconds=1),
        description="Terminals in environments that are kept end when nothing is typed so long.",
    )
    terminal_log_mib: int = Field(
        default=16,
        ge=1,
        description="Terminals end when they have shown so many MiB; all of it is kept.",
    )
    worker_max_idle: timedelta = Field(
        default=timedelta(days=30),
        gt=timedelta(0),
        description="Processes of the server, and workers whose token is disabled, are forgotten"
        " when nothing was heard of them for so long.",
    )
    webhook_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        default=(),
        description="Networks, with commas, that webhooks may call although they are not public.",
    )
    email_url: str | None = Field(
        default=None,
        description="smtp://, smtps:// or smtp+starttls://user:password@host:port; unset: no mail.",
    )
    email_from: str | None = Field(
        default=None,
        description="Sender of notifications whose channel names none; unset: debusine@ the fqdn.",
    )
    upload_max_idle: timedelta = Field(
        default=timedelta(days=1),
        description="Uploads and artifacts whose files stop arriving this long are removed.",
    )

    @field_validator("webhook_networks", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        return [part.strip() for part in value.split(",") if part.strip()]

    @property
    def store_dir(self) -> Path:
        """Where files lie, by content."""
        return self.data_dir / "store"

    @property
    def upload_dir(self) -> Path:
        """Where files lie until they are complete."""
        return self.data_dir / "uploads"

    @property
    def log_dir(self) -> Path:
        """Where the logs of attempts lie."""
        return self.data_dir / "logs"

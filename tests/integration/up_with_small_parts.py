"""`kpiwatch up` with small processes in the places of the project's own: real Kafka, Prometheus and Alertmanager. The
part that `DIES` names cannot start."""

import os
import sys
from dataclasses import replace

from services.local import supervisor, up
from services.local.supervisor import Part
from services.runtime.settings import Settings

_project_parts = supervisor.parts


def small_parts(settings: Settings) -> list[Part]:
    """The same names, order and probes."""
    return [replace(part, arguments=_small(part)) for part in _project_parts(settings)]


def _small(part: Part) -> tuple[str, ...]:
    if part.name == os.environ.get("DIES"):
        return ("-c", "raise SystemExit('it cannot start')")
    kind = "web" if part.port else "feed" if part.name == "feed" else "worker"
    return ("-m", "tests.integration.small_part", kind, part.port)


if __name__ == "__main__":
    supervisor.parts = small_parts
    sys.exit(up.main())

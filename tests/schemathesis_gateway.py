"""`make schemathesis`: requests made up from the description of the gateway, good and bad, against the real processes:
a broker, a gateway and a casebook.

Every answer has a status that the description names for its route; no 5xx but 503 with Retry-After; every refusal is a
problem. Left out of the checks of schemathesis, each with its reason, is what `LEFT_OUT` names.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Final

import httpx

from services.local.ports import free_ports
from tests import long_run
from tests.storm_gateway.ways import Running, Ways
from tests.unit.gateway import WATER

PROGRAM: Final = Path("build/schemathesis/bin/st")
LEFT_OUT: Final = {
    "not_a_server_error": "a 503 with Retry-After is an answer of the contract; a check of our own asks for it",
    "negative_data_rejection": "the description says what an event is in words; what is bad is answered 422 by content",
    "positive_data_acceptance": "an event that keeps the description may still name a unit that the plan does not have",
    "missing_required_header": "the only one is the key, which ignored_auth asks for",
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--examples", type=int, default=200, help="of each route (200)")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    long_run.begin()
    with tempfile.TemporaryDirectory() as folder:
        (port,) = free_ports(1)
        ways = Ways(Path(folder), inboxes=[WATER])
        casebook = {"casebook": f"{folder}/casebook.sqlite", "casebook_port": port}
        ways.settings = ways.settings.model_copy(update=casebook)
        with ways.running():
            key = ways.keys([WATER])[WATER]
            ways.process("casebook", ["services.casebook"], partial(_knows_cases, ways.url(), key)).wait_ready()
            code = tried(ways.url(), key, given.examples, given.seed)
        bad = [line for line in ways.logs().splitlines() if "Traceback" in line or "CRITICAL" in line]
    print("\n".join(["", *bad[:10], f"{len(bad)} tracebacks or defects in the logs of gateway, relay and casebook"]))
    return code or bool(bad)


def _knows_cases(url: str, key: str, running: Running) -> bool:
    """Whether the gateway can ask the casebook."""
    answer = httpx.get(f"{url}/cases", headers={"Authorization": f"Bearer {key}"}, timeout=60, trust_env=False)
    return answer.status_code == 200


def tried(url: str, key: str, examples: int, seed: int) -> int:
    """The exit code of schemathesis."""
    return subprocess.run(
        [
            PROGRAM, "run", f"{url}/openapi.json", "--header", f"Authorization: Bearer {key}", "--checks", "all",
            "--exclude-checks", ",".join(LEFT_OUT), "--max-examples", str(examples), "--seed", str(seed),
            "--continue-on-failure", "--request-timeout", "60", "--warnings", "off",
        ],
        env={**os.environ, "SCHEMATHESIS_HOOKS": "tests.schemathesis_checks"},
        check=False,
    ).returncode  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())

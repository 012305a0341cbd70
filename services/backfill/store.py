"""A running Prometheus as a store of history: what is in a range is deleted before its blocks are put in.

Putting the same days in twice leaves what putting them in once does.
"""

import re
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx

from services.backfill.history import WRITTEN, Block
from services.domain.time.zone import Instant
from services.metric_names import metrics

_TIMEOUT_SECONDS = 120
_CLEANED_WITHIN_SECONDS = 3_600
"""Prometheus writes each block that something was deleted from anew."""
_LOADED_WITHIN_SECONDS = 240
"""Prometheus looks for new blocks once a minute."""
_DAY_SECONDS = {"y": 365 * 86_400, "w": 7 * 86_400, "d": 86_400, "h": 3_600, "m": 60, "s": 1}


class StoreRefused(Exception):
    """Prometheus, or its data folder, cannot take history: a sentence with place, reason and remedy."""


class StoreSilent(StoreRefused):
    """It does not answer, or does not show what was put in."""


class Store:
    """Prometheus at an address, and its data folder on this machine."""

    def __init__(self, url: str, folder: Path) -> None:
        """StoreRefused where the folder is no Prometheus's data folder."""
        if not (folder / "wal").is_dir():
            raise StoreRefused(
                f"--data-dir {folder} is not the data folder of a running Prometheus: there is no wal in it. "
                "Name what Prometheus was given as --storage.tsdb.path"
            )
        self._url = url.rstrip("/")
        self._folder = folder

    def check(self, first: Instant, now: Instant) -> None:
        """Raises StoreRefused where history from `first` on would be refused or dropped at once."""
        flags = self._get("status/flags")
        if flags.get("web.enable-admin-api") != "true":
            raise StoreRefused(
                f"{self._url} allows no deletion: a range cannot be corrected. Start Prometheus with "
                "--web.enable-admin-api, on an address that only its operators reach"
            )
        retention = flags.get("storage.tsdb.retention.time", "0s")
        kept = _seconds(retention) or _seconds("15d")
        if now - first > kept * 1_000_000:
            raise StoreRefused(
                f"{self._url} keeps {retention if _seconds(retention) else '15d'} and would drop these days at once. "
                "Start Prometheus with --storage.tsdb.retention.time=10y"
            )

    def delete(self, after: Instant, up_to: Instant) -> None:
        """Removes what a backfill writes from (after, up_to]; notes why days were computed again stay."""
        names = "|".join(metric.name for metric in WRITTEN if metric is not metrics.ANNOTATION)
        matchers = [f'{{__name__=~"{names}"}}', f'{metrics.ANNOTATION.name}{{kind!="recomputed"}}']
        start, end = after / 1_000_000 + 0.001, up_to / 1_000_000
        parameters = {"match[]": matchers, "start": f"{start:.3f}", "end": f"{end:.3f}"}
        self._post("admin/tsdb/delete_series", parameters)

    @contextmanager
    def beside(self) -> Iterator[Path]:
        """A folder beside Prometheus's own blocks, where new ones are made; it is not looked into."""
        with tempfile.TemporaryDirectory(prefix=".backfill-", dir=self._folder) as made:
            yield Path(made)

    def take(self, blocks: Path) -> int:
        """Moves finished blocks in, each as a whole, so that no half of one is ever seen; how many they were."""
        finished = sorted(path for path in blocks.iterdir() if (path / "meta.json").exists())
        for path in finished:
            path.rename(self._folder / path.name)
        # what was deleted goes from the disk; where anything was, Prometheus then sees the new blocks without delay
        self._post("admin/tsdb/clean_tombstones", {}, _CLEANED_WITHIN_SECONDS)
        return len(finished)

    def wait_for(self, blocks: Sequence[Block]) -> None:
        """Returns once the end of every block is found. StoreSilent where that takes too long."""
        end = time.monotonic() + _LOADED_WITHIN_SECONDS
        left = list(blocks)
        while left := [block for block in left if self._rows_at(block.last) != block.states]:
            if time.monotonic() > end:
                raise StoreSilent(
                    f"{self._url} does not show what was put into {self._folder}: is that its data folder? "
                    "Its log says which blocks it refused"
                )
            time.sleep(0.5)

    def _rows_at(self, moment: Instant) -> int:
        found = self._get("query", {"query": f"count({metrics.STATE.name})", "time": f"{moment / 1_000_000:.3f}"})
        return int(found["result"][0]["value"][1]) if found["result"] else 0

    def _get(self, path: str, parameters: dict[str, str] | None = None) -> dict[str, Any]:
        answer = self._ask("GET", path, parameters or {})
        try:
            found: dict[str, Any] = answer.json()["data"]
        except (ValueError, KeyError):
            raise StoreRefused(f"{self._url} does not answer as Prometheus does: is its address right?") from None
        return found

    def _post(self, path: str, parameters: dict[str, Any], timeout: float = _TIMEOUT_SECONDS) -> None:
        self._ask("POST", path, parameters, timeout)

    def _ask(
        self, method: str, path: str, parameters: dict[str, Any], timeout: float = _TIMEOUT_SECONDS
    ) -> httpx.Response:
        try:
            # a proxy of the environment is not for one's own machines
            answer = httpx.request(
                method, f"{self._url}/api/v1/{path}", params=parameters, timeout=timeout, trust_env=False
            )
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise StoreSilent(f"{self._url} does not answer ({error}): is Prometheus running there?") from None
        if answer.is_success:
            return answer
        raise StoreRefused(f"{self._url} refuses {path} with {answer.status_code}: {answer.text.strip()[:200]}")


def _seconds(text: str) -> float:
    """A duration as Prometheus writes it: `10y`, `1d12h`."""
    return sum(int(amount) * _DAY_SECONDS[unit] for amount, unit in re.findall(r"(\d+)([ywdhms])(?!s)", text))

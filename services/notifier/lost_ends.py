"""Ends that no webhook reports, found in what the Alertmanager lists.

The Alertmanager never reports the end of an alert that is inhibited or silenced when it ends, nor of one that ends
while it has lost its state or is away for longer than Prometheus repeats an end (15 minutes). So it is asked regularly
what it has, in whatever state. What the notifier has as firing and no answer lists has ended.

Missing data is no end. Nothing is concluded

- from one answer: an Alertmanager that was just started lists nothing until Prometheus sends its alerts again, which
  takes at most a minute. One whose Prometheus was started again lists less until holding alerts are restored, which
  takes a minute more (`--rules.alert.for-grace-period`). So an alert has ended if no answer of 2 minutes lists it;
- across a gap: no answer, an error, an answer of another form, or an answer that comes late because this process
  was stopped. The 2 minutes begin anew;
- from an answer without the alert `Watchdog`, which is always active: no Prometheus sends to this Alertmanager;
- from an answer with the alert `ExporterDown`, and for a while after it: no exporter, no figures, and so no alerts
  about them. The Alertmanager holds back their ends for this very reason. Later they take their hold time to fire
  again.

An alert that is listed after its end was concluded here is firing again. The Alertmanager does not report that either:
it never reported an end, so to it nothing has changed.

All times are real seconds, whatever the plan's clock shows: it is real machines that are started again. What is counted
is forgotten at a restart of the notifier, which only delays an end. One case is known to be wrong: the notifier is
started again within `Asking.blind` after a long outage of the exporter. An alert that takes longer to fire again than
`ExporterDown` is kept (10 minutes) then ends, and is raised again.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

from services.notifier.due_notices import AlertmanagerAway
from services.notifier.notice_subject import Alert

WATCHDOG = "Watchdog"
EXPORTER_DOWN = "ExporterDown"


@dataclass(frozen=True, slots=True)
class Asking:
    """Real seconds."""

    every: float = 30.0
    """How often the Alertmanager is asked: some answers within `unlisted`, and little work for it."""
    unlisted: float = 120.0
    """How long no answer may list an alert before it has ended: a minute until Prometheus sends again, and another one
    until it has restored its alerts."""
    blind: float = 65 * 60.0
    """How long after `ExporterDown` nothing is concluded: alerts hold for up to an hour before they fire.
    `KpiUnmeasured` holds for days, but is kept for a day, too, so that only a longer outage ends it."""


class LostEnds:
    """What changed and no webhook reported. Not thread-safe."""

    def __init__(
        self, listed: Callable[[], Mapping[str, Alert]], seconds: Callable[[], float], asking: Asking | None = None
    ) -> None:
        """`listed`: fingerprint → alert that the Alertmanager has now; raises AlertmanagerAway where it gives no good
        answer. `seconds`: real ones, from any start."""
        self._listed = listed
        self._seconds = seconds
        self._asking = asking or Asking()
        self._asked_at = self._answered_at = self._blind_at = float("-inf")
        self._unlisted_since: dict[str, float] = {}
        """Fingerprint → the first of the uninterrupted answers that do not list it."""

    def changes(self, firing: Mapping[str, Alert], ended_here: Collection[str]) -> list[Alert]:
        """Alerts in their new state; nothing if it is not yet time to ask. What is not accepted is found again.

        `firing`: fingerprint → alert that is firing as far as is known; `ended_here`: fingerprints of those whose end
        was concluded here. Raises AlertmanagerAway.
        """
        seconds = self._seconds()
        if seconds - self._asked_at < self._asking.every:
            return []
        self._asked_at = seconds
        try:
            listed = self._listed()
        except AlertmanagerAway:
            self._unlisted_since = {}
            raise
        again = [listed[one] for one in ended_here if one in listed]
        return again + [replace(firing[one], status="resolved", unlisted=True) for one in self._ended(firing, listed)]

    def _ended(self, firing: Collection[str], listed: Mapping[str, Alert]) -> list[str]:
        seconds, before = self._asked_at, self._unlisted_since
        if seconds - self._answered_at > 2 * self._asking.every:
            before = {}
        self._answered_at = seconds
        if not self._shows_all(listed):
            self._unlisted_since = {}
            return []
        self._unlisted_since = {one: before.get(one, seconds) for one in firing if one not in listed}
        return [one for one, since in self._unlisted_since.items() if seconds - since >= self._asking.unlisted]

    def _shows_all(self, listed: Mapping[str, Alert]) -> bool:
        """Whether what is not listed may be taken for over."""
        names = {alert.labels.get("alertname") for alert in listed.values()}
        if EXPORTER_DOWN in names:
            self._blind_at = self._asked_at
        return WATCHDOG in names and self._asked_at - self._blind_at >= self._asking.blind

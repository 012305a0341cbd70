"""Whether every copy has what a master publishes in the same version (同源发布): a catalogue state (rule 6)."""

from collections import Counter
from collections.abc import Mapping
from fractions import Fraction

from services.domain.history.registers import CatalogueEntry
from services.domain.judging.judgement import Judgement, Outcome
from services.domain.judging.kind import Moment, Sums
from services.domain.judging.selection import accepts_attributes
from services.domain.plan.plan import Promise
from services.domain.plan.statutory_time import Law
from services.domain.sums.statistic import Statistic
from services.domain.sums.tally import NOW, Tally, TallyAmounts, TallyField
from services.domain.time.zone import Instant

PLATFORM, VERSION = "platform", "version"
"""The attributes of an entry that say where it is published, and in which version."""
_SEPARATOR = "\x1f"

Versions = Mapping[str, Mapping[str, int]]
"""Code → its versions on a platform, each with the day since when it is there."""


class InSync:
    """`statistic = "in_sync"`. Master and copies are told of by different sources, so they meet in the figure only: the
    tally's item is platform, code and version. A code belongs to the unit of its master's entry."""

    def __init__(self, promise: Promise, law: Law) -> None:
        self.promise = promise
        self._zone = law.zone
        self._by = law.zone.midnight(promise.by.toordinal() + 1) - 1 if promise.by else None
        self._master = promise.master or ""
        self._platforms = (self._master, *promise.copies)

    def judge_entry(self, entry: CatalogueEntry, now: Instant, found: list[Judgement]) -> None:
        """An entry is on its platform as it stands. A master's entry without code or version cannot be compared."""
        state = entry.states[-1]
        if entry.collection != self.promise.collection or state.attributes is None:
            return
        if not accepts_attributes(state.attributes, self.promise.select):
            return
        platform = state.attributes.get(PLATFORM)
        if platform not in self._platforms:
            return
        identity = self._identity(state.attributes)
        cells: TallyAmounts = ((TallyField.N, 1),)
        bin: int | None = self._since(entry)
        if identity is None:
            if platform != self._master:
                return
            identity, cells, bin = ("", ""), ((TallyField.UNMEASURED, 1),), None
        item = _SEPARATOR.join((platform, *identity))
        key = self.promise.key
        found.append(Judgement(key, 1, Outcome.COUNTED, state.unit, item, NOW, cells, bin, state.since))

    def _identity(self, attributes: Mapping[str, object]) -> tuple[str, str] | None:
        code, version = attributes.get(self.promise.listed_by), attributes.get(VERSION)
        return None if code is None or version is None else (str(code), str(version))

    def _since(self, entry: CatalogueEntry) -> int:
        """The day since when the entry has stood as it does, without a break."""
        present = entry.states[-1]
        since = present.since
        for state in reversed(entry.states):
            if state.attributes is None or present.attributes is None:
                break
            same = (PLATFORM, VERSION, self.promise.listed_by)
            if any(state.attributes.get(name) != present.attributes.get(name) for name in same):
                break
            since = state.since
        return self._zone.day(since)

    def figure(self, sums: Sums, at: Moment) -> Statistic:
        """Of the master's codes times the copies: how many copies have the code in the master's version."""
        master = _versions(sums.present, self._master)
        in_sync: Counter[int] = Counter()
        for copy in self.promise.copies:
            theirs = _versions(sums.everywhere, copy)
            for code, versions in master.items():
                if theirs.get(code, {}).keys() == versions.keys():
                    in_sync[max(*versions.values(), *theirs[code].values())] += 1
        n, met = len(master) * len(self.promise.copies), in_sync.total()
        objective = self.promise.objective
        return Statistic(
            value=Fraction(met, n) if n else None, n=n, numerator=met, denominator=n, ratio=True,
            small_sample_matters=objective is not None and objective.amount < 1,
            pending=self._by is not None and at.now < self._by,
            reached=in_sync if self._by is not None else None, reached_of=max(n, 1),
        )  # fmt: skip


def _versions(present: Mapping[str, Tally], platform: str) -> Versions:
    """What stands on a platform."""
    found: dict[str, dict[str, int]] = {}
    for item, tally in present.items():
        where, code, version = item.split(_SEPARATOR, 2)
        if where == platform and tally.cells[TallyField.N]:
            found.setdefault(code, {})[version] = min(tally.bins)
    return found

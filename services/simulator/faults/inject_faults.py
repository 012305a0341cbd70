"""What sources get wrong, each with a rate and drawn from the seed. A fault never changes what happened; it changes
what is said of it, and when, and a story's truth is read from exactly that."""

from collections.abc import Iterator, Mapping
from random import Random

from services.domain.time.zone import DAY_US, Instant
from services.simulator.stories.case_history import NEVER, OPERATIONS, SECOND, Fate, Moment, Story
from services.simulator.stories.scenarios import confirmed, stop_and_go
from services.simulator.stories.timing import HOUR_US, Placement

WEEK_US = 7 * DAY_US
LARGEST_LEAD_US = 290 * SECOND
"""A skewed clock is at most this far ahead: five minutes would be refused."""


class Faults:
    """The faults of one district."""

    def __init__(
        self,
        rates: Mapping[str, float],
        seed: int,
        place: Placement,
        falls_silent: Mapping[str, Instant],
        end: Instant | None,
    ) -> None:
        self.rates = rates
        self._seed = seed
        self._place = place
        self._falls_silent = falls_silent
        self._end = end
        self._owed = {"id_conflict", "bad_correction"}
        self._silences: dict[tuple[str, int], tuple[Instant, Instant] | None] = {}

    def afflict(self, story: Story) -> None:
        """Everything that may go wrong with a case on its way here, and the bounds that its fate sets to that."""
        rng, rates = story.rng, self.rates
        if rates:
            rng = story.rng = Random(f"{self._seed}/{story.subject}/faults")
        decided = story.decided[1] if story.decided else None
        # What the fate rests on must have been said by then, else a case decided as met would be a late entry.
        limit = story.due if decided in (Fate.MET, Fate.WITHDRAWN) else None
        if rates:
            if rng.random() < rates.get("stop_and_go", 0):
                stop_and_go(story, self._place)
            if rng.random() < rates.get("held_back", 0):
                _hold_back(story, self._place)
            if rng.random() < rates.get("backdated", 0) and story.reclassified is None:
                _backdate(story)
            disorder = rates.get("disorder", 0)
            if disorder:
                for moment in story.moments:
                    if rng.random() < disorder and moment.type != "case.reclassified":
                        moment.received += int(HOUR_US + rng.random() * 60 * HOUR_US) // SECOND * SECOND
            if rng.random() < rates.get("skew", 0):
                lead = int(30 + rng.random() * 260) * SECOND
                for moment in story.moments:
                    if moment.received - moment.time < HOUR_US:
                        moment.received = max(moment.time - lead, moment.time - LARGEST_LEAD_US)
            if decided is Fate.MET and rng.random() < rates.get("late_entry", 0):
                self._enter_late(story)
                limit = None
        if limit is not None:
            latest = limit // SECOND * SECOND
            for moment in story.moments:
                if moment.received > latest >= moment.time:
                    moment.received = latest
                    moment.recorded = min(moment.recorded, latest)
        for n, moment in enumerate(story.moments, 1):
            moment.id = f"{story.subject}-{n}"
        if rates and decided is not Fate.LATE_ENTRY:
            if rng.random() < rates.get("corrections", 0):
                self._correct(story, limit)
            self._refusable(story)
        # A reclassification is never late here: what a case leaves behind in the promise it leaves is another matter.
        if (rates.get("silence") or self._falls_silent) and story.reclassified is None:
            for moment in story.moments:
                moment.received = self.heard(moment)

    def _refusable(self, story: Story) -> None:
        """What only the case can refuse. Each of the two comes once as early as can be, then with its rate."""
        rng, rates = story.rng, self.rates
        if rng.random() < rates.get("conflicts", 0) or ("conflicts" in rates and "id_conflict" in self._owed):
            _contradict(story)
        if rng.random() < rates.get("bad", 0) / 50 or ("bad" in rates and "bad_correction" in self._owed):
            _correct_a_correction(story)
        self._owed -= {code for code, _ in story.rejected}

    def _enter_late(self, story: Story) -> None:
        """The completion in time is only said after the limit; sometimes the operations centre confirms it."""
        assert story.decided is not None and story.due is not None
        rng, key = story.rng, story.decided[0]
        promise = next(promise for promise in self._place.promises if promise.key == key)
        stops = [story.points[name] for name in promise.stop if name in story.points]
        if not stops:
            return
        said = story.due // SECOND * SECOND + int(600 + rng.random() * 4 * 86_400) * SECOND
        for moment in story.moments:
            if moment.time >= stops[-1].time:
                moment.received = max(moment.received, said)
                moment.recorded = max(moment.recorded, said - 60 * SECOND)
        for stop in stops:
            stop.received, stop.recorded = said, said - 60 * SECOND
        story.decided = (key, Fate.LATE_ENTRY)
        if rng.random() < 0.3:
            told = self._place.on_workday(rng, said, 1)
            story.tell("case.confirmed", told, confirmed(promise.id, "accepted"), source=OPERATIONS, point="confirmed")

    def _correct(self, story: Story, limit: Instant | None) -> None:
        """The completion is first told with a wrong time of the same day, and put right some hours later."""
        rng, completed = story.rng, story.points.get("completed")
        if completed is None or story.void is not None:
            return
        wrong = completed.time - int(300 + rng.random() * 1800) * SECOND
        zone = self._place.zone
        before = max((moment.time for moment in story.moments if moment.type in _STARTS), default=completed.time)
        primary = self._place.primary(story.lane.item, story.attributes)
        by_day = primary is None or self._ends_with_a_day(story)
        if wrong <= before or zone.day(wrong) != zone.day(completed.time) or not by_day:
            return
        said = completed.received + int(600 + rng.random() * 6 * 3600) * SECOND
        if limit is not None and limit >= completed.received:
            said = min(said, max(limit // SECOND * SECOND, completed.received + SECOND))
        if self._end is not None and said >= self._end:
            return
        completed.first_told = wrong
        told = min(said, completed.time + HOUR_US)
        moment = Moment("correction", told, said, said, completed.source, {"of": completed.id, "event": completed})
        moment.id = f"{completed.id}c"
        story.moments.append(moment)

    def _ends_with_a_day(self, story: Story) -> bool:
        zone = self._place.zone
        return story.due is not None and story.due + 1 == zone.midnight(zone.day(story.due) + 1)

    def heard(self, moment: Moment) -> Instant:
        """When a moment is heard of, if its source may be silent then: after the silence, or never."""
        gone = self._falls_silent.get(moment.source)
        if gone is not None and moment.received >= gone:
            return NEVER
        if not self.rates.get("silence"):
            return moment.received
        silence = self._silence(moment.source, moment.received // WEEK_US)
        if silence is None or not silence[0] <= moment.received < silence[1]:
            return moment.received
        # in the order in which it would have come, within ten minutes
        share = (moment.received - silence[0]) / (silence[1] - silence[0])
        return silence[1] + int(share * 600) * SECOND

    def _silence(self, source: str, week: int) -> tuple[Instant, Instant] | None:
        key = (source, week)
        if key not in self._silences:
            if len(self._silences) > 10_000:
                self._silences.clear()
            rng = Random(f"{self._seed}/silence/{source}/{week}")
            found = None
            if rng.random() < self.rates["silence"] and source != OPERATIONS:
                start = week * WEEK_US + int(rng.random() * 3 * 86_400) * SECOND
                found = (start, start + int((1 + rng.random() * 2) * 86_400) * SECOND)
            self._silences[key] = found
        return self._silences[key]


_STARTS = frozenset({"case.applied", "case.accepted"})


def _backdate(story: Story) -> None:
    """先办后录: the whole case is entered in one breath when it is done."""
    done = story.points.get("completed")
    if done is None or story.decided is None or story.decided[1] is not Fate.MET:
        return
    at = done.time + int(600 + story.rng.random() * 3600) * SECOND
    for n, moment in enumerate(story.moments):
        if moment.time <= done.time:
            moment.recorded = moment.received = at + n * SECOND


def _hold_back(story: Story, place: Placement) -> None:
    """体外循环: the applicant had come long before the unit accepted the case; no clock in it starts there."""
    applied, primary = story.points.get("applied"), place.primary(story.lane.item, story.attributes)
    if applied is None or story.deemed or (primary is not None and "applied" in primary.start):
        return
    applied.time -= (5 + story.rng.randrange(30)) * DAY_US


def _contradict(story: Story) -> None:
    """Two ratings under one id, of other seconds: one of them is turned away, whichever it is."""
    if any(moment.type == "case.rated" for moment in story.moments) or "completed" not in story.points:
        return
    done = story.points["completed"]
    ident = f"{story.subject}-r"
    for n in range(2):
        rated = story.tell("case.rated", done.time + HOUR_US + n * SECOND, {"score": 4, "rated_by": "applicant"})
        rated.received += n * 60 * SECOND
        rated.id = ident
    story.rejected.append(("id_conflict", rated))


def _correct_a_correction(story: Story) -> None:
    """A correction of a correction: the second one is refused and changes nothing."""
    done = story.points.get("completed")
    if done is None:
        return
    rated = story.tell("case.rated", done.time + HOUR_US, {"score": 5, "rated_by": "applicant"})
    rated.id = f"{story.subject}-b"
    for suffix, of in (("b1", rated.id), ("b2", f"{story.subject}-b1")):
        moment = story.tell("correction", done.time + 2 * HOUR_US, {"of": of, "event": None})
        moment.received = max(moment.received, rated.received + SECOND)
        moment.id = f"{story.subject}-{suffix}"
    story.rejected.append(("bad_correction", moment))


REASONS_OF_A_FILE = (
    "malformed",
    "unknown_type",
    "unknown_field",
    "invalid_value",
    "naive_time",
    "from_the_future",
    "unknown_source",
    "unknown_unit",
    "unknown_service_item",
    "not_entitled",
    "personal_data",
    "too_large",
)
"""What an event alone can be refused for. `id_conflict` and `bad_correction` need a case, `wrong_key` a topic (the feed
sends one), `source_mismatch` a gateway."""


def bad_event(reason: str, ident: str, source: str, item: str, unit: str, at: str, later: str) -> bytes:
    """One event that must be turned away for this reason and no other. `at` is when it arrives, `later` an hour after
    that, as RFC 3339."""
    subject = f"X{ident}"
    said = f'"service_item":"{item}","unit":"{unit}","channel":"online"'
    kind, time, teller = "case.accepted", at, source
    match reason:
        case "malformed":
            return f'{{"specversion":"1.0","id":"{ident}","source":"{source}","type":"case.acc'.encode()
        case "unknown_type":
            kind = "case.vanished"
        case "unknown_field":
            said += ',"colour":"blue"'
        case "invalid_value":
            said = said.replace('"online"', '"pigeon"')
        case "naive_time":
            time = at[:19]
        case "from_the_future":
            time = later
        case "unknown_source":
            teller = "/units/nowhere"
        case "unknown_unit":
            said = said.replace(f'"{unit}"', '"nowhere"')
        case "unknown_service_item":
            said = said.replace(f'"{item}"', '"service.of_nobody"')
        case "not_entitled":
            kind, said = "case.confirmed", '"kpi":"K06-1","decision":"accepted"'
        case "personal_data":
            kind, said = "case.withdrawn", '"reason":"call 13800138000"'
        case "too_large":
            kind, said = "case.withdrawn", f'"reason":"{"x" * 70_000}"'
    return (
        f'{{"specversion":"1.0","id":"{ident}","source":"{teller}","type":"{kind}","subject":"{subject}"'
        f',"time":"{time}","recordedat":"{at}","receivedat":"{at}","datacontenttype":"application/json","data":{{{said}}}}}'
    ).encode()


def due_reasons(rate: float, rng: Random, *, first: bool) -> Iterator[str]:
    """The reasons for which an event is refused on a day: each once on the first day, then with the rate."""
    for reason in REASONS_OF_A_FILE:
        if first or rng.random() < rate:
            yield reason

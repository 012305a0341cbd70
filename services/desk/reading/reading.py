"""What the pages of the desk read. Every question takes the `Viewer` and answers with what is that viewer's own: what
is another unit's is not in the answer. Any thread may ask.

    reading.district(viewer)                     # figures of the whole: of everybody who may read
    reading.open_cards(viewer, CardWish())       # a page, by time left
    reading.about_case(key)                      # whose business a case is, for `may`
    reading.case(viewer, key)                    # None: there is none, or it is not the viewer's
"""

import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, NamedTuple, TypeVar

from sqlalchemy import Connection, Engine, select
from sqlalchemy.exc import SQLAlchemyError

from services.casebook.case_filter import CaseFilter
from services.casebook.case_summary import CaseState
from services.casebook.casebook import Casebook, CasePage
from services.casebook.database import CasebookUnavailable
from services.casebook.marked_cases import MarkFilter, MarkPage
from services.desk.access import About, Access, Viewer, may
from services.desk.reading import card_lists, figures, schema
from services.desk.reading.card_lists import EVERY_VERDICT, CardLine, CardWish, Page, VerdictLine, VerdictWish
from services.desk.reading.case_seen import CaseSeen, Sight, led_part, sight_of
from services.desk.reading.figures import District, PromiseLine
from services.desk.reading.scope import Scope, scope_of, whose
from services.domain.judging.judgement import Outcome
from services.domain.plan.plan import Plan, Source
from services.domain.plan.statutory_time import Law
from services.domain.results.cards import case_name
from services.domain.results.published import Level
from services.domain.results.safe_judge import SafeJudge
from services.domain.results.silent_sources import silent_sources
from services.domain.time.zone import Instant
from services.runtime.database import said

Answer = TypeVar("Answer")
EXCUSED: Final = "excused"
"""The verdict on a case whose reason for the miss was accepted: it is left out of the figure."""
_FRESH_SECONDS: Final = 1.0
"""For how long the figures of the district, which are the same for everybody, are not asked again."""


class ReadingUnavailable(Exception):
    """The index cannot be asked. The sentence says why."""


class SourceHealth(NamedTuple):
    """Whether a source reports."""

    source: Source
    last_arrival: Instant | None
    """Of its last event; None: none has come."""
    is_silent: bool
    """Longer than is usual for it: what it feeds is out of date (rule 12)."""
    refused: int
    """How many of its events were refused."""


class Reading:
    """The questions of the pages."""

    def __init__(self, engine: Engine, casebook: Casebook, now: Callable[[], Instant]) -> None:
        """`engine`: of the index, to read. `now`: the plan's time."""
        self._engine = engine
        self._casebook = casebook
        self._now = now
        self._lock = threading.Lock()
        self._district: tuple[float, District] | None = None

    @property
    def law(self) -> Law:
        """Of the plan by which cases are judged."""
        return self._casebook.judge.law

    @property
    def plan(self) -> Plan:
        """The same plan."""
        return self.law.plan

    def scope(self, viewer: Viewer) -> Scope:
        """What a viewer sees now."""
        return scope_of(viewer, self.law, self._now())

    # ---- figures -------------------------------------------------------------------------------------
    def district(self, viewer: Viewer) -> District:
        """The district at a glance, at most a second old. Of who may read nothing, nothing. Raises
        ReadingUnavailable."""
        if not may(viewer, Access.READ):
            return District((), (), "")
        with self._lock:  # one thread computes it, the others wait for that
            if self._district is None or time.monotonic() - self._district[0] > _FRESH_SECONDS:
                with self._asking() as connection:
                    self._district = time.monotonic(), figures.district(connection, self.plan)
            return self._district[1]

    def promises(self, viewer: Viewer) -> list[PromiseLine]:
        """The promises of the viewer's own, worst first; of who sees everything those of the district. Raises
        ReadingUnavailable."""
        scope = self.scope(viewer)
        if scope.everything:
            return list(self.district(viewer).lines)
        with self._asking() as connection:
            return figures.lines_of(connection, self.plan, scope)

    def promise(self, viewer: Viewer, kpi: str) -> list[PromiseLine]:
        """The rows of one promise that the viewer may see, the district's first. Raises ReadingUnavailable."""
        if not may(viewer, Access.READ):
            return []
        with self._asking() as connection:
            return figures.lines_of_promise(connection, self.plan, kpi, self.scope(viewer))

    def pace(self, viewer: Viewer, kpi: str) -> float | None:
        """How fast the misses of a promise come in the district this month; None where that is not known. Raises
        ReadingUnavailable."""
        if not may(viewer, Access.READ):
            return None
        with self._asking() as connection:
            return figures.pace_of_promise(connection, kpi)

    # ---- cards ---------------------------------------------------------------------------------------
    def open_cards(self, viewer: Viewer, wish: CardWish, after: str = "") -> Page[CardLine]:
        """Open cards on which the viewer's own must act, by time left. Raises ReadingUnavailable, BadCursor."""
        with self._asking() as connection:
            return card_lists.open_cards(connection, self.scope(viewer), wish, after)

    def led_cards(self, viewer: Viewer, wish: CardWish, after: str = "") -> Page[CardLine]:
        """Open cards of the promises that the viewer leads. Raises ReadingUnavailable, BadCursor."""
        with self._asking() as connection:
            return card_lists.led_cards(connection, self.scope(viewer), wish, after)

    def counted(self, viewer: Viewer, unit: str = "") -> dict[Level, int]:
        """How many cards are open: of the viewer's own, or of one of the units that they see. Raises
        ReadingUnavailable."""
        with self._asking() as connection:
            return card_lists.counted(connection, self.scope(viewer), unit)

    def behind(self, viewer: Viewer, kpi: str, after: str = "", wish: VerdictWish = EVERY_VERDICT) -> Page[VerdictLine]:
        """The cases behind the number of a promise; of one that is no miss any more because its reason was accepted the
        verdict is EXCUSED. Raises ReadingUnavailable, BadCursor."""
        with self._asking() as connection:
            page = card_lists.verdicts_of_promise(connection, self.scope(viewer), kpi, after, wish)
        excused = self._excused([line for line in page.lines if line.verdict == "reversed"])
        return page._replace(
            lines=tuple(line._replace(verdict=EXCUSED) if line in excused else line for line in page.lines)
        )

    def _excused(self, lines: Sequence[VerdictLine]) -> frozenset[VerdictLine]:
        """Those whose reason was accepted. The record of a verdict does not say it, so the cases are judged; where the
        casebook is away none is found."""
        try:
            facts = self._casebook.facts({line.case_key for line in lines}) if lines else {}
        except CasebookUnavailable:
            return frozenset()
        judge, now = SafeJudge(self._casebook.judge), self._now() - 1
        justified = {
            (key, each.kpi, each.cycle)
            for key, of_case in facts.items()
            for each in judge.judge(of_case, now).judgements
            if each.outcome is Outcome.JUSTIFIED
        }
        return frozenset(line for line in lines if (line.case_key, line.kpi, line.cycle) in justified)

    def cards(self, names: Sequence[str]) -> dict[str, CardLine]:
        """Cards by the keys of their records, for who may see what they belong to; a retracted one is missing. Raises
        ReadingUnavailable."""
        with self._asking() as connection:
            return card_lists.cards_named(connection, names)

    # ---- cases ---------------------------------------------------------------------------------------
    def about_case(self, case_key: str, assigned: Iterable[str] = ()) -> About | None:
        """Whose business a case is; None: there is no such case. `assigned`: units to which the operations centre has
        assigned it. Raises ReadingUnavailable, CasebookUnavailable."""
        if not self._casebook.find(case_name(case_key)):
            return None
        parties, promises = self._casebook.parties(case_key), self.promises_of_case(case_key)
        return whose([*(party.unit for party in parties), *assigned], promises, self.law, self._now())

    def about_units(self, units: Iterable[str], promises: Iterable[str] = ()) -> About:
        """Whose business a thing of these units is: theirs, and that of those that continue their work. `promises`:
        keys of those whose leads it concerns, too."""
        return whose(units, promises, self.law, self._now())

    def promises_of_case(self, case_key: str) -> frozenset[str]:
        """Keys of the promises of which a case has a card or a verdict. Raises ReadingUnavailable."""
        with self._asking() as connection:
            return card_lists.promises_of_case(connection, case_key)

    def case(self, viewer: Viewer, case_key: str, assigned: Collection[str] = ()) -> CaseSeen | None:
        """A case as the viewer may see it; None: there is none, or it is none of theirs. `assigned` as in `about_case`:
        such a unit sees all of it. Raises ReadingUnavailable, CasebookUnavailable."""
        about = self.about_case(case_key, assigned)
        if about is None or not may(viewer, Access.READ, about):
            return None
        scope, zone, now = self.scope(viewer), self.law.zone, self._now()
        last_day, is_led = self._sight(scope, case_key, assigned)
        as_of = now if last_day is None else min(now, zone.midnight(last_day.toordinal() + 1))
        account = next(iter(self._casebook.case(case_name(case_key), as_of=as_of)), None)
        if account is None:
            return None
        if last_day is not None or is_led:
            account = account._replace(refused=())  # nothing says when they came
        if is_led and account.explanation is not None:
            account = account._replace(explanation=led_part(account.explanation, scope.leads))
        return CaseSeen(case_key, account, as_of, last_day, is_led)

    def is_closed(self, viewer: Viewer, case_key: str, unit: str) -> bool:
        """Whether a case is completed that is assigned to a unit; False where that unit is none of the viewer's. Raises
        CasebookUnavailable."""
        if not may(viewer, Access.READ, self.about_units([unit])):
            return False
        found = (each for each in self._casebook.find(case_name(case_key)) if each.case_key == case_key)
        return any(each.state == CaseState.CLOSED for each in found)

    def _sight(self, scope: Scope, case_key: str, assigned: Collection[str]) -> Sight:
        if any(unit in scope.units for unit in assigned):
            return Sight()
        return sight_of(scope, self._casebook.parties(case_key), self.law.zone)

    def cases(self, viewer: Viewer, wanted: CaseFilter, after: str | None = None, limit: int = 50) -> CasePage:
        """A page of the viewer's own cases: those that it accepted or held, and those behind promises that it leads.
        Raises CasebookUnavailable, BadCursor (of the casebook)."""
        scope = self.scope(viewer)
        if not scope.everything:
            wanted = wanted._replace(parties=scope.units, behind=scope.leads)
        return self._casebook.cases(wanted, after=after, limit=limit)

    def cases_counted(self, viewer: Viewer, wanted: MarkFilter, after: str | None = None, limit: int = 50) -> MarkPage:
        """A page of the cases that a number counts: of the viewer's own; of a promise that they lead those of every
        unit. Raises CasebookUnavailable, BadCursor (of the casebook)."""
        scope = self.scope(viewer)
        if not (scope.everything or (wanted.kpi and wanted.kpi in scope.leads)):
            wanted = wanted._replace(parties=scope.units)
        return self._casebook.marked(wanted, after=after, limit=limit)

    # ---- sources -------------------------------------------------------------------------------------
    def sources(self, viewer: Viewer) -> list[SourceHealth]:
        """The sources that speak for the viewer's own, in the order of the plan; of who sees everything all. Raises
        CasebookUnavailable."""
        scope, arrivals = self.scope(viewer), self._casebook.arrivals()
        wanted = [
            source
            for source in self.plan.sources.values()
            if not source.operations and (scope.everything or set(source.units) & set(scope.units))
        ]
        silent = silent_sources(self._casebook.judge, arrivals, self._now())
        refused = self._casebook.refusals_of([source.id for source in wanted])
        return [
            SourceHealth(source, arrivals.get(source.id), source.id in silent, refused.get(source.id, 0))
            for source in wanted
        ]

    # ---- the index -----------------------------------------------------------------------------------
    def is_ready(self) -> bool:
        """Whether the index has caught up with the topics. Raises ReadingUnavailable."""
        with self._asking(ready=False) as connection:
            return bool(connection.scalar(select(schema.state.c.ready)))

    @contextmanager
    def _asking(self, *, ready: bool = True) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection, connection.begin():
                if ready and not connection.scalar(select(schema.state.c.ready)):
                    raise ReadingUnavailable("the desk has not caught up with the topics yet: ask again in a moment")
                yield connection
        except SQLAlchemyError as error:
            raise ReadingUnavailable(f"the index of the desk: {said(error)}") from error

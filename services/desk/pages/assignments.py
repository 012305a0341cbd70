"""Cases that the operations centre has assigned to the viewer's own (交办): what is to be answered first."""

from datetime import date
from typing import Final, NamedTuple

from fastapi import Response

from services.catalog.words.assignments import assigned_for
from services.desk.access import Access, may
from services.desk.acting.addresses import MatterAddress
from services.desk.acting.assigned import Assigned, AssignmentState
from services.desk.asking import Ask, Asked
from services.desk.numbers import Place
from services.desk.pages.said_of import SaidOf, Tag, reading_page
from services.desk.reading.supervision import PAGE
from services.desk.routes import LISTED, Pages
from services.domain.intake.facts import KEY_SEPARATOR
from services.domain.plan.plan import Title
from services.domain.time.zone import Instant

PAGES: Final = Pages()
_MOST_WAITING: Final = 100
"""Lines of what is to be answered."""


class Line(NamedTuple):
    """One of them."""

    number: int
    at: str
    case: str
    """Its number; `path`: its page."""
    path: str
    kpi: str
    unit: str
    by: str
    why: Title | None
    text: str
    """What was written to it, where the viewer may read it."""
    due: Instant | None
    """When the day ends by which it is to be answered; None: none is named."""
    tag: Tag


class Standing(NamedTuple):
    """An assignment with what has become of it."""

    assigned: Assigned
    state: AssignmentState

    @property
    def is_done(self) -> bool:
        """It is answered, or the case is completed."""
        return self.state in (AssignmentState.ANSWERED, AssignmentState.CLOSED)

    @property
    def place(self) -> tuple[str, int]:
        """By time left; what names no day comes last."""
        return self.assigned.until or "9999", self.assigned.record.number


@PAGES.get("/assignments", Access.READ, about=LISTED)
def assignments(ask: Ask, before: Place = None) -> Response:
    """What is to be answered, by time left; then what is answered or closed, the latest first."""
    every = _own(ask)
    waiting = sorted((one for one in every if not one.is_done), key=lambda one: one.place)
    done = [one for one in reversed(every) if one.is_done]
    done = [one for one in done if before is None or one.assigned.record.number < before]
    answer: Response = reading_page(
        ask,
        "assignments.html",
        waiting=[_line(one, ask) for one in waiting[:_MOST_WAITING]],
        is_cut=len(waiting) > _MOST_WAITING,
        done=[_line(one, ask) for one in done[:PAGE]],
        more=done[PAGE - 1].assigned.record.number if len(done) > PAGE else None,
        before=before,
    )
    return answer


def to_answer(ask: Asked, most: int) -> list[Line]:
    """What the viewer's own have to answer, the most urgent first. Raises LedgerUnavailable, CasebookUnavailable."""
    waiting = sorted((one for one in _own(ask) if not one.is_done), key=lambda one: one.place)
    return [_line(one, ask) for one in waiting[:most]]


def _own(ask: Asked) -> list[Standing]:
    """Those of the viewer's own, in the order of the ledger."""
    reading, today = ask.desk.reading, ask.desk.zone.text(ask.now)[:10]
    with ask.desk.acting.stands.now() as standing:
        every = standing.assignments.all()
        abouts = {unit: reading.about_units([unit]) for unit in {one.unit for one in every}}
        mine = [one for one in every if may(ask.viewer, Access.READ, abouts[one.unit])]
        answered = [(one, standing.assignments.answer(one, abouts[one.unit].owners)) for one in mine]
    return [_with_case(Standing(one, one.state(answer, today)), ask) for one, answer in answered]


def _with_case(one: Standing, ask: Asked) -> Standing:
    """The same; what is not answered is done once the case is completed."""
    assigned = one.assigned
    if one.is_done or not ask.desk.reading.is_closed(ask.known, assigned.matter.case_key, assigned.unit):
        return one
    return one._replace(state=AssignmentState.CLOSED)


def _line(one: Standing, ask: Asked) -> Line:
    assigned, desk = one.assigned, ask.desk
    request, zone = assigned.record.request, desk.zone
    hash = request.texts.get("text", "")
    reads = may(ask.viewer, Access.READ_TEXTS, desk.reading.about_units([assigned.unit]))
    day = _day(assigned.until)
    return Line(
        number=assigned.record.number,
        at=assigned.record.time,
        case=assigned.matter.case_key.partition(KEY_SEPARATOR)[2],
        path=MatterAddress(assigned.matter).case,
        kpi=assigned.matter.kpi,
        unit=assigned.unit,
        by=str(request.body.get("by", "")),
        why=assigned_for(str(request.body.get("why", ""))),
        text=(desk.texts.text(hash) or "") if hash and reads else "",
        due=None if day is None else zone.midnight(day + 1) - 1,
        tag=SaidOf(ask).assignment(one.state),
    )


def _day(written: str) -> int | None:
    """The day of a record; None: it names none that can be read."""
    try:
        return date.fromisoformat(written).toordinal()
    except ValueError:
        return None

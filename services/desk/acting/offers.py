"""The acts that are open to a viewer on a matter, as forms."""

from collections.abc import Mapping
from typing import NamedTuple

from services.acting.refused import ActRefused
from services.acting.statements import may_answer
from services.desk.access import About, Access, Viewer, may
from services.desk.acting.acts import ACTS, Act
from services.desk.acting.addresses import MatterAddress
from services.desk.acting.fields import Checked, Field
from services.desk.acting.recording import new_form
from services.desk.acting.situation import Situation
from services.domain.intake.events import text_of
from services.domain.plan.plan import Title


class FieldShown(NamedTuple):
    """A field with what is in it."""

    field: Field
    value: str
    error: Title | None


class Offer(NamedTuple):
    """An act as a form."""

    act: Act
    action: str
    """Where it is sent."""
    form: str
    """Its id, by which a form that is sent twice is one record."""
    seen: int
    """The number of the last record of the ledger that was known when it was rendered."""
    through: str
    """The last arrival in the case that was known then."""
    fields: tuple[FieldShown, ...]

    @property
    def errors(self) -> list[FieldShown]:
        """The fields with something wrong."""
        return [each for each in self.fields if each.error is not None]


class Offers(NamedTuple):
    """What a viewer may do about a matter."""

    open: tuple[Offer, ...]
    closed: tuple[tuple[Act, Title], ...]
    """What is not open now, and why."""
    note: Title | None
    """Why nothing is open to this viewer at all."""


OWN_UNIT = Title(
    zh="本账号属于有关单位，不能就本单位的事项作出决定：请由运行中心其他人员决定。",
    en="Your account belongs to a unit that this concerns. Nobody decides for their own unit: let somebody else do it.",
)
NOT_OF_UNIT = Title(zh="该办件现不由本单位办理。", en="The case is not with your unit now.")


def offers_on(situation: Situation, viewer: Viewer, about: About) -> Offers:
    """The acts on a matter. `about`: whose business it is."""
    theirs = [act for act in ACTS if _is_theirs(act, situation, viewer, about)]
    why = {act: act.closed(situation) for act in theirs}
    return Offers(
        tuple(offer(act, situation) for act in theirs if not why[act]),
        tuple((act, reason) for act, reason in why.items() if reason and not act.is_quiet),
        OWN_UNIT if may(viewer, Access.DECIDE) and not theirs else None,
    )


def _is_theirs(act: Act, situation: Situation, viewer: Viewer, about: About) -> bool:
    return may(viewer, act.access, about) and why_not_theirs(act, situation, viewer) is None


def why_not_theirs(act: Act, situation: Situation, viewer: Viewer) -> Title | None:
    """Why an act is not this viewer's; None: it is."""
    if act.decides:
        return OWN_UNIT if viewer.unit and viewer.unit in situation.concerned else None
    units, now = situation.judge.law.units, situation.now
    continued = frozenset(units.at(unit, now) for unit in situation.answering | situation.assigned)
    try:
        may_answer(situation.shown, viewer.unit, situation.judge.plan, situation.assigned | continued)
    except ActRefused:  # its sentence names who has the case now: a unit that has passed it on does not see that
        return NOT_OF_UNIT
    return None


def offer(act: Act, situation: Situation, checked: Checked | None = None) -> Offer:
    """The form of an act. `checked`: what was written before, with what is wrong."""
    fields = act.fields(situation)
    filled: Mapping[str, str] = {} if checked is None else checked.filled
    errors: Mapping[str, Title] = {} if checked is None else checked.errors
    shown = situation.shown
    return Offer(
        act,
        MatterAddress(shown.matter).act(act.name),
        new_form(),
        situation.known.number,
        text_of(shown.through),
        tuple(FieldShown(each, filled.get(each.name, each.value), errors.get(each.name)) for each in fields),
    )

"""Admission for events that repeat an earlier one in all but id, subject and times, as most do.

`Admission` is the rule. What it says of such an event, this module says in less than half of the CPU time
(docs/performance.md); tests/unit/test_quick_admission.py compares the two. What repeats (source, owner, type and the
bytes of the data) is checked by `Admission`, and then kept as a template: the checked data, and the canonical text
around what varies. Of each further event only the rest is checked: id, subject, times, arrival and key. Whatever is not
plainly good goes to `Admission`, which alone refuses: its reasons come from the models.

A template depends on the plan, never on the clock. It is kept only if it gives for its own event what `Admission` gave.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple, Protocol

from services.domain.intake.admission import (
    LARGEST_EVENT,
    LONGEST_REMEMBERED,
    MOST_REMEMBERED,
    TOLERATED_LEAD_US,
    Admission,
    Admitted,
    JsonCodec,
    remember,
)
from services.domain.intake.events import LONGEST_NAME
from services.domain.intake.facts import DECISIONS, KEY_SEPARATOR, Fact, FactType, digest_of
from services.domain.intake.json_text import LONGEST_ARRIVAL, STAMP, STAMP_END
from services.domain.intake.personal_data import may_be_personal, personal_number
from services.domain.intake.record_headers import read_headers
from services.domain.plan.plan import Plan
from services.domain.time.rfc3339 import instant_from
from services.domain.time.zone import Instant

_CHECKED_WITH_THE_REST: Final = DECISIONS | {int(FactType.CORRECTION)}
"""Types whose data depends on the rest of the event or on its arrival: they get no template."""


class WrittenEnvelope(Protocol):
    """The attributes of an event as they are written: texts, or None where one is left out."""

    @property
    def id(self) -> str: ...
    @property
    def source(self) -> str: ...
    @property
    def type(self) -> str: ...
    @property
    def time(self) -> str: ...
    @property
    def subject(self) -> str | None: ...
    @property
    def recordedat(self) -> str | None: ...
    @property
    def receivedat(self) -> str | None: ...
    @property
    def caseowner(self) -> str | None: ...
    @property
    def datacontenttype(self) -> str | None: ...
    @property
    def data(self) -> Any:
        """Its bytes as they are written."""


ReadEnvelope = Callable[[bytes], WrittenEnvelope]
"""Reads an event without its data. It raises where the event is no JSON, lacks a required attribute, has an attribute
besides those of `WrittenEnvelope` and `specversion` 1.0, or one that is null or no text."""


_Same = tuple[bytes, str, str, str | None, str | None, bool, bool]
"""What events of one template have in common: data, source, type, owner, content type, whether `recordedat` and the
subject are left out."""


class _Template(NamedTuple):
    """What is known of an event before its id, subject and times are read. Texts are parts of its canonical text."""

    owner: str
    rank: int
    data: Mapping[str, Any]
    longer: int
    """By how many bytes the data is longer as it is written than in canonical form."""
    before_id: bytes
    after_id: str
    after_recorded: str
    after_subject: str
    after_time: str


class QuickAdmission(Admission):
    """`Admission` with templates. Built once per plan, so no template outlives its plan."""

    def __init__(
        self, plan: Plan, codec: JsonCodec, read_envelope: ReadEnvelope, *, trust_receivedat: bool = False
    ) -> None:
        super().__init__(plan, codec, trust_receivedat=trust_receivedat)
        self._read = read_envelope
        self._templates: dict[_Same, _Template] = {}
        self._seen_once: set[int] = set()

    def admit(
        self,
        raw: bytes | None,
        *,
        received: Instant | None = None,
        now: Instant | None = None,
        key: bytes | None = None,
        headers: Iterable[tuple[str, bytes | None]] | None = None,
    ) -> Admitted:
        """As `Admission.admit`."""
        headers = headers and list(headers)
        try:
            written = self._read(raw)  # type: ignore[arg-type]  # None is no event: it raises
            arrival = self._carried(headers, received) if headers else received
        except Exception:  # whatever is wrong with it, the rule says it
            return super().admit(raw, received=received, now=now, key=key, headers=headers)
        assert raw is not None
        same = (
            bytes(written.data),
            written.source,
            written.type,
            written.caseowner,
            written.datacontenttype,
            written.recordedat is None,
            written.subject is None,
        )
        template = self._templates.get(same)
        if template is None:
            admitted = super().admit(raw, received=received, now=now, key=key, headers=headers)
            if self._is_worth_a_template(same, admitted.fact.type):
                made = self._template(raw, same[0], admitted)
                self._keep_if_right(made, same, self._filled(made, raw, written, arrival, now) == admitted)
            return admitted
        quick = self._filled(template, raw, written, arrival, now)
        if quick is None or (key is not None and key != quick.key.encode()):
            return super().admit(raw, received=received, now=now, key=key, headers=headers)
        return quick

    def _keep_if_right(self, template: _Template, same: _Same, is_right: bool) -> None:
        if is_right:
            remember(self._templates, same, template)

    def _carried(self, headers: Iterable[tuple[str, bytes | None]], received: Instant | None) -> Instant | None:
        """When the event arrived, as its record says it. An event in binary mode raises."""
        attributes, stamp = read_headers(headers)
        if attributes is not None:
            raise ValueError("the attributes are in the headers")
        return received if stamp is None else self._arrival(stamp)

    def _filled(
        self, template: _Template, raw: bytes, written: WrittenEnvelope, carried: Instant | None, now: Instant | None
    ) -> Admitted | None:
        """The admitted event; None if it is not plainly good. One dense function: a call costs as much as a check."""
        owner, rank, data, longer, before_id, after_id, after_recorded, after_subject, after_time = template
        ident, subject, time, recorded = written.id, written.subject, written.time, written.recordedat
        names = f"{ident}|{subject}"
        if not ident or subject == "" or len(names) > LONGEST_NAME or not names.isprintable():
            return None
        try:
            happened = instant_from(time)
            recorded_at = None if recorded is None else instant_from(recorded)
            arrival = self._arrived(written, carried, happened if recorded_at is None else recorded_at, now)
        except ValueError:
            return None
        if happened > arrival + TOLERATED_LEAD_US or len(raw) > LARGEST_EVENT:
            return None
        subject = subject or ""
        rest = f"{ident}{after_id}{recorded or ''}{after_recorded}{subject}{after_subject}{time}{after_time}".encode()
        if may_be_personal(rest) and _is_personal(written):
            return None
        payload = before_id + rest
        if len(raw) != len(payload) + longer + _arrival_length(written) and _may_repeat_a_name(raw, payload, written):
            return None
        digest = digest_of(payload)
        fact = _fact((happened, rank, written.source, ident, arrival, digest, data, recorded_at))
        return _admitted((f"{owner}{KEY_SEPARATOR}{subject}", fact, owner, subject))

    def _arrived(
        self, written: WrittenEnvelope, carried: Instant | None, reported: Instant, now: Instant | None
    ) -> Instant:
        """As `Admission` finds it. ValueError where the arrival in the event is not one, or not to be believed."""
        stamp = written.receivedat
        if stamp is not None:
            if not self._trust_receivedat or len(stamp) > LONGEST_ARRIVAL:
                raise ValueError("the rule says why")
            return instant_from(stamp)
        if carried is not None:
            return carried
        return reported if now is None or reported <= now else now

    def _is_worth_a_template(self, same: _Same, rank: int) -> bool:
        """Whether it was there before, so that data that comes once costs nothing more."""
        if len(same[0]) > LONGEST_REMEMBERED or rank in _CHECKED_WITH_THE_REST:
            return False
        if (known := hash(same)) in self._seen_once:
            return True
        if len(self._seen_once) >= MOST_REMEMBERED:
            self._seen_once.clear()
        self._seen_once.add(known)
        return False

    def _template(self, raw: bytes, data: bytes, admitted: Admitted) -> _Template:
        """From an event that the rule has admitted. `data`: as it is written."""
        event = self._codec.loads(raw)
        before = self._members({name: event[name] for name in event if name < "id"})
        source = self._members({name: event[name] for name in ("source", "specversion")})
        canonical_data = self._members({"data": event["data"]})[len('"data":') :] if data else ""
        return _Template(
            owner=admitted.owner,
            rank=admitted.fact.type,
            data=admitted.fact.data,
            longer=len(data) - len(canonical_data.encode()),
            before_id=f'{{{before}{"," if before else ""}"id":"'.encode(),
            after_id='","recordedat":"' if "recordedat" in event else "",
            after_recorded=f'",{source}' + (',"subject":"' if "subject" in event else ""),
            after_subject='","time":"' if "subject" in event else ',"time":"',
            after_time=f'",{self._members({"type": event["type"]})}}}',
        )

    def _members(self, content: Mapping[str, Any]) -> str:
        """In canonical form, without the braces around them."""
        return self._codec.canonical(content).decode()[1:-1]


def _is_personal(written: WrittenEnvelope) -> bool:
    """Whether a personal number is in what varies; the rest is the same as in an event that was admitted."""
    return any(
        text is not None and personal_number(text)
        for text in (written.id, written.subject, written.time, written.recordedat)
    )


def _arrival_length(written: WrittenEnvelope) -> int:
    """Bytes that the arrival takes in the shortest form of the event; the canonical text is without it."""
    stamp = written.receivedat
    return 0 if stamp is None else len(STAMP) + len(stamp) + len(STAMP_END) - 1


def _may_repeat_a_name(raw: bytes, payload: bytes, written: WrittenEnvelope) -> bool:
    """Whether an event that is not in its shortest form may have a name twice: a name that is lost takes a colon with
    it, and only an escape can hide one."""
    stamp = written.receivedat
    colons = payload.count(b":") + (0 if stamp is None else stamp.count(":") + 1)
    return _ESCAPE in raw or raw.count(b":") != colons


_ESCAPE: Final = ord("\\")
# The same as `_make`, without a Python call.
_fact: Final[Callable[[Iterable[Any]], Fact]] = partial(tuple.__new__, Fact)
_admitted: Final[Callable[[Iterable[Any]], Admitted]] = partial(tuple.__new__, Admitted)

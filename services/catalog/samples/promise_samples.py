"""Sample events of a promise: the smallest complete histories that put a subject into its numerator and keep it out.

They follow from the entry alone, by its kind: no promise has code of its own. What is met is met exactly on its limit,
what is missed is missed by one second, one unit or one word, and each miss breaks one thing only. A mean, a count of
days or a figure without a target has no subject that misses it: its samples have two values.
"""

from services.catalog.samples import of_cases, of_registers
from services.catalog.samples.events import Sample, Scene, Unspoken
from services.domain.plan.plan import CASELESS, Promise
from services.domain.plan.statutory_time import Law


def samples_of(promise: Promise, law: Law) -> tuple[Sample, ...]:
    """The samples of a promise: first one that counts or is met, then what does not count or is missed. None where the
    plan has nobody who could tell of it."""
    scenes = of_registers.scenes if promise.kind in CASELESS else of_cases.scenes
    try:
        return tuple(_seen(scene, law) for scene in scenes(promise, law))
    except Unspoken:
        return ()


def _seen(scene: Scene, law: Law) -> Sample:
    """Looked at when the day after the last of it is over, so that whatever matures has matured."""
    zone = law.zone
    last_day = zone.day(max(scene.telling.last_at, scene.until))
    return Sample(scene.name, scene.telling.events, zone.midnight(last_day + 2), scene.expected)

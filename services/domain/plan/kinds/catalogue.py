"""`kind = "catalogue"`: a number, a share, a mean or a sum over a catalogue's entries, by a date or at any time."""

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Literal

from services.domain.plan.plan import AttributeNeed, DirectedPromise, EntryPromise, Fault, Wanted

PLATFORM, VERSION = "platform", "version"
"""The attributes of an entry that say where it is published, and in which version."""

_READ_BY: Mapping[str, frozenset[str]] = {
    "share": frozenset(("where", "listed", "listed_by", "by")),
    "count": frozenset(("where", "listed", "listed_by", "by")),
    "mean": frozenset(("quantity", "by")),
    "sum": frozenset(("where", "quantity", "by")),
    "in_sync": frozenset(("master", "copies", "listed_by")),
}
"""Which fields mean something for a statistic only. Copies are compared as they are now, by no date."""
_NEEDS: Mapping[str, tuple[str, ...]] = {"mean": ("quantity",), "sum": ("quantity",), "in_sync": ("master", "copies")}


class CataloguePromise(EntryPromise, DirectedPromise):
    """Items are no cases (rule 6): what is true of the entries now."""

    is_a_state = True

    kind: Literal["catalogue"]
    statistic: Literal["share", "count", "mean", "sum", "in_sync"]
    """What is taken over the entries: `share`, `count`, `mean` and `sum` of `quantity`, or `in_sync` (the share of a
    master's entries that every copy has in the same version)."""
    where: Wanted = {}
    """Which of the selected count in the numerator."""
    master: str | None = None
    """For `in_sync`: the value of the attribute `platform` whose entries are the master's."""
    copies: tuple[str, ...] = ()
    """For `in_sync`: the platforms that must have each of them in the same `version`."""
    quantity: str | None = None
    """For means and sums: which attribute."""
    by: date | None = None
    """Target date: judged at its 24:00 in the plan's zone; it does not roll."""

    @property
    def target_date(self) -> date | None:
        return self.by

    @property
    def is_share(self) -> bool:
        """Whether its figure is a share of entries."""
        return self.statistic in ("share", "in_sync")

    @property
    def figure_unit(self) -> str:
        if self.is_share:
            return "share"
        return self.objective.unit if self.objective is not None else self.quantity or "items"

    def objective_units(self) -> frozenset[str] | None:
        return frozenset(("share",)) if self.is_share else None

    @property
    def must_be_reported(self) -> bool:
        return True

    def conditions(self) -> dict[str, Wanted]:
        return super().conditions() | {"where": self.where}

    @property
    def summed_attribute(self) -> str | None:
        return self.quantity if self.statistic in ("mean", "sum") else None

    @property
    def compares_units(self) -> bool:
        return self.statistic == "in_sync"

    def attribute_needs(self) -> Iterator[AttributeNeed]:
        yield from super().attribute_needs()
        if self.statistic == "in_sync":
            if not self.listed:
                yield AttributeNeed("listed_by", self.listed_by)
            platforms = (("master", self.master or ()), ("copies", self.copies))
            yield AttributeNeed("statistic", PLATFORM, values=platforms)
            yield AttributeNeed("statistic", VERSION)
        if self.quantity is not None:
            yield AttributeNeed("quantity", self.quantity, ("integer", "number"))

    def incoherences(self) -> Iterator[str]:
        yield from super().incoherences()
        for name in _NEEDS.get(self.statistic, ()):
            if not getattr(self, name):
                yield f"statistic {self.statistic} needs `{name}`"

    def faults(self) -> Iterator[Fault]:
        yield from super().faults()
        yield from self._direction_faults()
        of_some = frozenset[str]().union(*_READ_BY.values())
        for name in sorted(self.model_fields_set & of_some - _READ_BY[self.statistic]):
            yield (name,), f"means nothing for statistic {self.statistic}: leave it out"
        if "listed" in self.model_fields_set and not self.listed:
            yield ("listed",), "names an empty list: nothing could ever be missing from it"
        if self.master is not None and self.master in self.copies:
            yield ("copies",), f"{self.master!r} is the master: it is in step with itself"
        if self.statistic == "share" and not self.where and not self.listed:
            yield ("where",), "is missing: which of the selected entries count"

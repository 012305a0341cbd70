"""How a simulated district works: which cases come to whom, how well each unit does, and what its sources get wrong.

Everything here is invented. A flow whose service item, unit or source a plan does not have is left out; an item of the
plan without a flow gets a plain one (`lanes.py`), so that any plan can be fed.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any

DISTRICT = Path(__file__).with_name("district.toml")
"""Lanes without a scenario of their own, lists and figures."""


@dataclass(frozen=True, slots=True)
class Quality:
    """How well a unit does, as shares of its cases unless stated otherwise."""

    pace: float = 0.5
    """The part of a limit that a usual case takes."""
    late: float = 0.0
    """Closed after the limit."""
    stuck: float = 0.0
    """Never closed."""
    withdrawn: float = 0.01
    breach: float = 0.0
    """Of a bound: a fee taken, a second survey."""
    unmeasured: float = 0.0
    """The source never reports the amount that is bounded."""
    excused: float = 0.0
    """Of the late ones, where the promise is soft: with a reason that the operations centre accepts."""
    last_minute: float = 0.05
    """Closed on the last day, up to its last second."""


@dataclass(frozen=True, slots=True)
class Variant:
    """A kind of case within a flow."""

    share: float
    attributes: Mapping[str, Any] = field(default_factory=dict)
    quality: Quality | None = None
    """Where it differs from the flow's."""


@dataclass(frozen=True, slots=True)
class CaseFlow:
    """The cases of one service item at one unit, published by one source."""

    scenario: str
    """Which scenario its cases follow (`stories/scenarios.py`)."""
    item: str
    source: str
    unit: str
    share: float
    """Of all cases of the district, relative to the other flows."""
    prefix: str
    online: float = 0.0
    """Share filed online."""
    quality: Quality = Quality()
    variants: tuple[Variant, ...] = (Variant(1.0),)
    applicant: str = "enterprise"
    """Who applies, where no promise asks for another."""
    reporters: Mapping[str, str] = field(default_factory=dict)
    """Milestone → the source that reports it, where that is another one."""
    skips: tuple[str, ...] = ()
    """Milestones and quantities that the scenario sees to, or that never come."""


FAULTS: Mapping[str, float] = {
    "duplicates": 0.02,
    "disorder": 0.03,
    "late_entry": 0.02,
    "silence": 0.05,
    "skew": 0.05,
    "corrections": 0.01,
    "conflicts": 0.005,
    "bad": 0.1,
    "stop_and_go": 0.03,
    "stopped_twice": 0.05,
    "asked_again": 0.02,
    "granted_after_all": 0.1,
    "slips": 0.03,
    "extensions": 0.02,
    "applied_later": 0.05,
    "decided_again": 0.5,
    "backdated": 0.02,
    "reopened": 0.01,
    "reclassified": 0.15,
    "held_back": 0.02,
    "empty": 0.01,
    "undelivered": 0.5,
}
"""What `--faults all` switches on. A rate is a share of events (duplicates, disorder), of weeks per source (silence),
of days per reason code (bad), of small water projects (reclassified), of suspended cases (stopped_twice), of withdrawn
and refused ones (granted_after_all), of those without a step that a promise waits for (undelivered), of those on which
was decided (decided_again), else of cases."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A whole district."""

    name: str
    cases_per_day: float
    """On a usual working day."""
    flows: tuple[CaseFlow, ...]
    faults: Mapping[str, float] = field(default_factory=dict)
    falls_silent: Mapping[str, date] = field(default_factory=dict)
    """Sources that stop for good on a date."""
    forgetful: tuple[str, ...] = ()
    """Units that forget their monthly report in every odd month, and duties without a period."""
    registers: bool = True
    """Whether the lists and figures of `district.toml` are kept."""

    def at_volume(self, cases_per_day: float) -> "Profile":
        """The same district with so many cases on a usual working day."""
        return replace(self, cases_per_day=cases_per_day)


def parse_faults(text: str) -> dict[str, float]:
    """`all`, `none`, or `name=rate,…` (`all` may be among them). ValueError names the right form."""
    rates: dict[str, float] = {}
    for part in filter(None, (word.strip() for word in text.split(","))):
        name, given, rate = part.partition("=")
        if part == "all":
            rates |= FAULTS
        elif part == "none":
            rates.clear()
        elif name not in FAULTS:
            raise ValueError(
                f"there is no fault {name!r}: use all, none, or some of {', '.join(FAULTS)}, as in silence=0.1"
            )
        else:
            try:
                rates[name] = float(rate) if given else FAULTS[name]
            except ValueError:
                raise ValueError(f"{part!r}: the rate is not a number: write {name}={FAULTS[name]}") from None
            if not 0 <= rates[name] <= 1:
                raise ValueError(f"{part!r}: a rate is between 0 and 1")
    return rates


def _utilities() -> list[CaseFlow]:
    water = (
        Variant(0.5, {"project_size": "small", "external_line": False, "small_low_risk": False, "area": "urban"}),
        Variant(0.15, {"project_size": "small", "external_line": False, "small_low_risk": True, "area": "urban"}),
        Variant(0.25, {"project_size": "small", "external_line": True, "small_low_risk": False, "area": "urban"}),
        Variant(0.1, {"project_size": "large", "external_line": True, "small_low_risk": False, "area": "rural"}),
    )
    overdue = Quality(pace=0.75, late=0.1, stuck=0.05)
    poor_water = tuple(
        replace(variant, quality=overdue if variant.attributes["external_line"] else None) for variant in water
    )
    power = (
        Variant(
            0.72,
            {"voltage": "low", "customer_class": "small_micro", "area": "urban", "external_line": False},
        ),
        Variant(
            0.2,
            {"voltage": "10kv", "customer_class": "other", "area": "urban", "external_line": True},
            Quality(pace=0.8, withdrawn=0.02, last_minute=0),
        ),
        Variant(0.08, {"voltage": "low", "customer_class": "household", "area": "rural", "external_line": False}),
    )
    gas = (
        Variant(0.3, {"customer_class": "enterprise", "area": "urban", "external_line": True}),
        Variant(0.7, {"customer_class": "household", "area": "urban", "external_line": False}),
    )
    good = Quality(pace=0.4, withdrawn=0.02, last_minute=0.04)
    return [
        CaseFlow("utility", "water.connection", "/units/liangjiang-water", "liangjiang-water", 4, "WL", 0.6,
             Quality(pace=0.4, breach=0.03, unmeasured=0.01), water),
        CaseFlow("utility", "water.connection", "/units/sino-french-water", "sino-french-water", 3, "WS", 0.5,
             Quality(pace=0.45, breach=0.0), poor_water),
        CaseFlow("utility", "power.connection", "/units/state-grid-shibei", "state-grid-shibei", 6, "PW", 0.8,
             Quality(pace=0.3, last_minute=0.0), power),
        CaseFlow("utility", "gas.connection", "/units/jiangbei-gas", "jiangbei-gas", 4, "GJ", 0.5, good, gas),
        CaseFlow("utility", "gas.connection", "/units/kaiyuan-gas", "kaiyuan-gas", 2, "GK", 0.4, good, gas),
        CaseFlow("utility", "gas.connection", "/units/liangjiang-gas", "liangjiang-gas", 2, "GL", 0.4, good, gas),
        CaseFlow("utility", "gas.connection", "/units/chuangang-gas", "chuangang-gas", 1, "GC", 0.2,
             Quality(pace=0.65, last_minute=0.2), gas),
    ]  # fmt: skip


_PROCURING = {
    "district-education": Quality(pace=0.5, late=0.0, last_minute=0.05),
    "district-health": Quality(pace=0.6, late=0.06, stuck=0.02, excused=0.5),
    "district-transport": Quality(pace=0.5, late=0.0, last_minute=0.05),
    "district-housing-construction": Quality(pace=0.75, late=0.12, stuck=0.04, excused=0.3, last_minute=0.15),
    "district-culture-tourism": Quality(pace=0.4, late=0.0),
}


def _procurement() -> list[CaseFlow]:
    flows = []
    for unit, quality in _PROCURING.items():
        for scenario, item, share, prefix in (
            ("award", "procurement.award", 0.6, "TA"),
            ("contract", "procurement.contract", 0.6, "TC"),
            ("invoice", "procurement.invoice", 2.0, "TI"),
        ):
            fair = replace(quality, late=0.0, stuck=0.0, last_minute=0.0) if scenario == "contract" else quality
            flows.append(CaseFlow(scenario, item, "/units/district-finance", unit, share, prefix, 1.0, fair))
    return flows


_PERMITS = {
    "permit.food_business": ("district-market-regulation", 10, 0.8, 0.14),
    "permit.public_venue_hygiene": ("district-health", 4, 0.7, 0.12),
    "permit.physician_registration": ("district-health", 4, 0.9, 0.08),
    "permit.labour_dispatch": ("district-human-resources", 1.5, 0.6, 0.2),
    "permit.human_resource_service": ("district-human-resources", 1.5, 0.6, 0.2),
    "permit.road_occupation": ("district-urban-management", 3, 0.4, 0.35),
    "permit.outdoor_advertisement": ("district-urban-management", 3, 0.6, 0.18),
    "permit.construction": ("district-housing-construction", 2, 0.75, 0.3),
    "permit.road_freight": ("district-transport", 4, 0.7, 0.12),
    "permit.publication_retail": ("district-culture-tourism", 1.5, 0.8, 0.1),
    "permit.special_trade": ("district-public-security", 2, 0.3, 0.25),
    "social.minimum_living": ("district-civil-affairs", 3, 0.1, 0.22),
}
"""Item → unit, share, share filed online, part of the statutory limit that a usual case takes."""


_FIRST_MATTERS = {
    "account_reserved": "/platforms/account-reservation",
    "tax_first_done": "/units/district-taxation",
    "social_first_done": "/units/district-human-resources",
}
"""What others report of a new enterprise."""


def _items_on_application() -> list[CaseFlow]:
    flows = [
        CaseFlow("permit", item, "/units/district-government-services", unit, share, "ZW", online, Quality(pace=pace),
             applicant="small_micro")
        for item, (unit, share, online, pace) in _PERMITS.items()
    ]  # fmt: skip
    registrations = tuple(
        Variant(share, {"registration_type": kind})
        for kind, share in (
            ("mortgage", 0.3),
            ("mortgage_cancellation", 0.25),
            ("existing_home_transfer", 0.3),
            ("first_registration", 0.1),
            ("change", 0.05),
        )
    )
    return [
        *flows,
        CaseFlow("establishment", "enterprise.establishment", "/units/district-market-regulation",
             "district-market-regulation", 14, "QY", 0.9,
             Quality(pace=0.12, late=0.01, unmeasured=0.02, breach=0.01),
             reporters=_FIRST_MATTERS),
        CaseFlow("realty", "realty.registration", "/units/district-realty-registration", "district-realty-registration",
             30, "BD", 0.25, Quality(pace=0.55, late=0.004, withdrawn=0.005, last_minute=0.03, breach=0.01),
             registrations, "individual"),
        CaseFlow("benefit", "unemployment.insurance_benefit", "/units/district-human-resources",
             "district-human-resources", 6, "SB", 0.7, Quality(pace=0.4, last_minute=0.15), applicant="individual"),
        CaseFlow("benefit", "unemployment.assistance_allowance", "/units/district-human-resources",
             "district-human-resources", 4, "SA", 0.7, Quality(pace=0.4, last_minute=0.15), applicant="individual"),
    ]  # fmt: skip


def _oversight_and_courts() -> list[CaseFlow]:
    flows = [
        CaseFlow("report", "oversight.report", "/units/district-justice", unit, share, "TS", 0.7, quality,
             applicant="public")
        for unit, share, quality in (
            ("district-market-regulation", 3.0, Quality(pace=0.5)),
            ("district-urban-management", 2.0, Quality(pace=0.7, late=0.06, stuck=0.02)),
        )
    ]  # fmt: skip
    return [
        *flows,
        CaseFlow("lawsuit", "court.sales_contract", "/units/district-court", "district-court", 4, "CS", 0.5,
             Quality(late=0.01, breach=0.02, unmeasured=0.02)),
        CaseFlow("lawsuit", "court.civil_commercial", "/units/district-court", "district-court", 6, "CM", 0.5,
             Quality(late=0.01, breach=0.02, unmeasured=0.02)),
    ]  # fmt: skip


@cache
def district() -> Mapping[str, Any]:
    """The tables of `district.toml`."""
    return tomllib.loads(DISTRICT.read_text(encoding="utf-8"))


def _generic() -> Iterator[CaseFlow]:
    """The flows of `district.toml`: one a unit. A unit or source that is not named there is found in the plan."""
    for n, entry in enumerate(district()["flow"]):
        for unit in entry.get("units", [""]):
            yield CaseFlow(
                "generic",
                entry["item"],
                entry.get("source", ""),
                unit,
                entry["share"],
                f"{chr(65 + n // 26)}{chr(65 + n % 26)}",
                entry.get("online", 0.0),
                Quality(**entry.get("quality", {})),
                applicant=entry.get("applicant", "enterprise"),
                reporters={name: source.format(unit=unit) for name, source in entry.get("reporters", {}).items()},
            )


def _flows() -> tuple[CaseFlow, ...]:
    return (*_utilities(), *_procurement(), *_items_on_application(), *_oversight_and_courts(), *_generic())


_FLAWLESS_IN_DEMO = frozenset(
    {
        "enterprise.establishment",
        "realty.registration",
        "court.civil_commercial",
        "court.sales_contract",
        "court.document_service",
        "tender.construction",
        "tender.violation",
        "project.approval",
        "foreign_investment.enterprise",
        "construction.use_change",
        "construction.joint_survey",
    }
)
"""Of what binds each single case one breach in a thousand is a promise missed: in the demo some must be kept."""


def _in_demo(flow: CaseFlow) -> CaseFlow:
    if flow.item not in _FLAWLESS_IN_DEMO:
        return flow
    return replace(flow, quality=replace(flow.quality, late=0.0, stuck=0.0, breach=0.0))


def profile(name: str) -> Profile:
    """A preset: `demo` (small, some promises met, at risk, missed; a source falls silent) or `district` (4,000 cases on
    a usual working day). ValueError if there is no such preset."""
    if name == "demo":
        return Profile(
            "demo",
            cases_per_day=170,
            flows=tuple(_in_demo(flow) for flow in _flows()),
            faults={
                "duplicates": 0.01,
                "disorder": 0.001,
                "late_entry": 0.0008,
                "corrections": 0.005,
                "reclassified": 0.1,
                "bad": 0.03,
            },
            falls_silent={"/units/district-justice": date(2021, 10, 13)},
            forgetful=("district-science-technology",),
        )
    if name == "district":
        return Profile("district", cases_per_day=4_000, flows=_flows(), forgetful=("district-science-technology",))
    raise ValueError(f"there is no profile {name!r}: use demo or district")

"""`kind = "case_mean"`: a mean over cases: of durations, a quantity or the applicants' scores; or a ratio of sums."""

from typing import Literal

from services.domain.plan.plan import MEASURES, Filled, MeasuredPromise


class CaseMeanPromise(MeasuredPromise):
    """A mean over cases. No single case misses it (rule 5)."""

    more_measures = ("ratio:A/B", "rating")

    kind: Literal["case_mean"]
    measure: Filled
    """`working_days`, `elapsed_days` (elapsed time in days), `minutes`, `working_minutes`, `quantity:NAME`,
    `milestone:NAME` (how many), `ratio:A/B` (the sum of quantity A over all cases ÷ that of B), or `rating` (the
    applicant's own last score)."""

    def objective_units(self) -> frozenset[str] | None:
        if self.measure.startswith("ratio:"):
            return frozenset(("share",))
        return frozenset(("points",)) if self.measure == "rating" else MEASURES.get(self.measure)

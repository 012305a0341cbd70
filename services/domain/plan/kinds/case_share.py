"""`kind = "case_share"`: the share of cases of which something holds when they mature."""

from typing import Annotated, Literal

from pydantic import Field

from services.domain.plan.plan import Maturity, SharePromise, Wanted


class CaseSharePromise(SharePromise):
    """Those `where` something holds ÷ the matured cases."""

    kind: Literal["case_share"]
    where: Annotated[Wanted, Field(min_length=1)]
    """Which of the selected count in the numerator. Keys as in `select`, and `online` (true: every known channel online
    and no visit), `stopped` (true: the stop was reached by maturity), `reached` (milestones, all of them), `extended`
    (an extension was granted)."""
    matures_at: Maturity
    """What matures a case (rule 7): its completion, the stop of the promise's own clock (or the completion, if
    that comes without it), the promise's limit, a limit after its start, or a date."""

    @property
    def stop_must_be_known_in_time(self) -> bool:
        return True

    @property
    def measured(self) -> str:
        return "share"

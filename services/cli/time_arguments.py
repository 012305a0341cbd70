"""Times as users write them."""

from datetime import datetime

from services.cli.failure import WRONG_USAGE, Failure
from services.domain.time.zone import FIRST_YEAR, LAST_YEAR, Instant, Zone, instant_of


def moment(text: str, zone: Zone, option: str) -> Instant:
    """A date or an RFC 3339 time; without an offset it is local in the plan's zone. A date means its 00:00."""
    try:
        written = datetime.fromisoformat(text)
    except ValueError:
        raise Failure(
            f"{option} {text!r} is not a time: write it as 2021-11-01 or 2021-11-01T08:30:00+08:00", WRONG_USAGE
        ) from None
    if not FIRST_YEAR < written.year < LAST_YEAR:
        raise Failure(
            f"{option} {text!r} is out of reach: write a year from {FIRST_YEAR + 1} to {LAST_YEAR - 1}", WRONG_USAGE
        )
    return zone.instant(written) if written.tzinfo is None else instant_of(written)

"""What a storm has shown, as a table for people."""

from collections import Counter
from collections.abc import Iterator

from tests.storm.parts import End
from tests.storm.storm import ENOUGH_WORK, Outcome

SHOWN = 12
"""Differences of one kind that are written out."""
FEW = 3
"""Equal ends without a fault that an operator would not look at."""


def lines(outcome: Outcome) -> Iterator[str]:
    """The report, line by line."""
    yield from _faults(outcome)
    yield from _work(outcome)
    yield from _ends(outcome.ends)
    yield from _differences(outcome)
    yield f"{outcome.seconds:,.0f} s, {outcome.cpu_seconds:,.0f} CPU seconds"


def _faults(outcome: Outcome) -> Iterator[str]:
    yield f"{'fault':<42}{'times':>6}{'nobody there':>14}"
    for kind in sorted(outcome.faults | outcome.missed):
        yield f"{kind:<42}{outcome.faults[kind]:>6}{outcome.missed[kind] or '':>14}"
    yield f"{'together':<42}{outcome.faults.total():>6}"
    for name, count in sorted(outcome.poison.items()):
        yield f"{'poison: ' + name:<42}{count:>6}"


def _work(outcome: Outcome) -> Iterator[str]:
    taken = [after.taken - before.taken for before, after in zip(outcome.work, outcome.work[1:], strict=False)]
    busy = sum(count > 0 for count in taken)
    yield (
        f"work under faults: {outcome.arrived:,} events arrived, {outcome.taken:,} were taken, "
        f"in {busy} of {len(taken)} intervals between faults, {min(taken):,} to {max(taken):,} in one"
    )
    yield (
        f"in the end: {outcome.events:,} events, {outcome.rejected:,} of them rejected, {outcome.rows:,} rows, "
        f"{outcome.cards[0]:,} cards ({outcome.cards[1]:,} active), {outcome.verdicts:,} verdicts, "
        f"{outcome.notices[0]:,} subjects reported, {outcome.notices[1]:,} ends reported"
    )
    yield "processes started: " + ", ".join(f"{kind} {count}" for kind, count in sorted(outcome.starts.items()))


def _ends(ends: list[End]) -> Iterator[str]:
    by_fault = Counter((end.kind, end.cause) for end in ends if end.cause)
    yield "ends by a fault: " + ", ".join(f"{kind} {n}" for kind, n in sorted(_sums(by_fault).items()))
    unusual = Counter((end.kind, end.how, end.cause) for end in ends if end.cause and not _plain(end))
    for (kind, how, cause), count in unusual.most_common():
        yield f"  {count:>4} × {kind}: {how}  [{cause}]"
    yield from _ends_without_fault(Counter((end.kind, end.how, end.around) for end in ends if not end.cause))


def _ends_without_fault(ends: Counter[tuple[str, str, str]]) -> Iterator[str]:
    yield f"ends without a fault of their own: {ends.total()}"
    for (kind, how, around), count in ends.most_common():
        finding = "FINDING " if count > FEW and not _reports_no_kafka(how, around) else ""
        yield f"  {count:>4} × {finding}{kind}: {how}  [{around or 'nothing else'}]"


def _sums(counts: Counter[tuple[str, str]]) -> Counter[str]:
    found: Counter[str] = Counter()
    for (kind, _), count in counts.items():
        found[kind] += count
    return found


def _reports_no_kafka(how: str, around: str) -> bool:
    """A process that is started without a broker reports that and ends with 3. It is started again until there is
    one."""
    return bool(around) and how.startswith("code 3") and "Kafka" in how


def _plain(end: End) -> bool:
    """Ended as it was asked to."""
    return end.how in ("SIGKILL", "SIGTERM", "code 0")


def _differences(outcome: Outcome) -> Iterator[str]:
    yield f"{'compared':<42}{'differences':>12}"
    for what, found in outcome.differences.items():
        yield f"{what:<42}{len(found):>12,}"
    for what, found in outcome.differences.items():
        for one in found[:SHOWN]:
            yield f"  {what}: {one}"
        if len(found) > SHOWN:
            yield f"  {what}: and {len(found) - SHOWN:,} more"
    if not outcome.did_enough:
        yield f"TOO LITTLE WORK: less than {ENOUGH_WORK:.0%} of what arrived was taken while the faults came"


def passed(outcome: Outcome) -> bool:
    """No difference, and not for want of work."""
    return not outcome.wrong and outcome.did_enough

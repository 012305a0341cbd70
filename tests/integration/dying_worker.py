"""`python -m tests.integration.dying_worker`: the kpis worker, with an error in the place where it publishes."""

from services.domain.sums.tally import Tally
from streams.kpis import __main__ as kpis_main
from streams.kpis.kpis import Kpis


async def _die(self: Kpis) -> None:
    Tally.unpacked([[["secret of a case", 1]], []])


if __name__ == "__main__":
    Kpis.on_tick = _die  # type: ignore[method-assign]
    kpis_main.main()

"""`python boston_pandas.py EVENTS OUT`: the figures of Boston's service requests as an analyst would compute them.

By unit and month of completion, and of all units: completed, mean and 95th percentile of the duration in calendar and
in working days, the share within the due time, the share online. It validates nothing, keeps no facts and knows no
suspensions. It runs in the peers' own environment.
"""

import sys

import numpy as np
import pandas as pd

ZONE = "America/New_York"
DAY = 86_400


def zoned(times: pd.Series) -> pd.Series:
    """Local times with their zone: of an hour that comes twice the earlier, a missing hour moved forward."""
    return times.dt.tz_localize(ZONE, ambiguous=np.ones(len(times), bool), nonexistent="shift_forward")


def days(times: pd.Series) -> np.ndarray:
    dates: np.ndarray = times.to_numpy().astype("datetime64[D]")
    return dates


def closed_cases(path: str) -> pd.DataFrame:
    """A row for each completed case."""
    events = pd.read_csv(path, dtype=str, keep_default_na=False)
    accepted = events[events.event == "accepted"].set_index("case_id")
    completed = events[events.event == "completed"].drop_duplicates("case_id").set_index("case_id")
    cases = accepted.join(completed[["occurred_at"]].rename(columns={"occurred_at": "done"}), how="inner")
    start, end = pd.to_datetime(cases.occurred_at), pd.to_datetime(cases.done)
    due = pd.to_datetime(cases.due_at.replace("", None))
    cases["calendar"] = (zoned(end) - zoned(start)).dt.total_seconds() / DAY
    cases["within"] = np.where(due.isna(), np.nan, (end <= due).astype(float))
    cases["working"] = np.busday_count(days(start) + 1, days(end) + 1)
    cases["online"] = cases.channel.map({"online": 1.0, "offline": 0.0})
    cases["month"] = end.dt.strftime("%Y-%m")
    return cases


def high(values: pd.Series) -> float:
    return float(values.quantile(0.95))


def figures(cases: pd.DataFrame) -> pd.DataFrame:
    grouped = cases.groupby(["unit", "month"])
    return grouped.agg(
        completed=("calendar", "size"),
        mean=("calendar", "mean"),
        p95=("calendar", high),
        mean_wd=("working", "mean"),
        p95_wd=("working", high),
        share_within=("within", "mean"),
        share_online=("online", "mean"),
    ).reset_index()


def main() -> None:
    source, target = sys.argv[1:]
    cases = closed_cases(source)
    pd.concat([figures(cases), figures(cases.assign(unit="ALL"))]).to_csv(target, index=False)


if __name__ == "__main__":
    main()

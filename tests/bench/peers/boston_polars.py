"""`python boston_polars.py EVENTS OUT`: what `boston_pandas.py` computes, with polars."""

import sys

import polars as pl

ZONE = "America/New_York"
DAY = 86_400


def time(column: str) -> pl.Expr:
    return pl.col(column).str.to_datetime("%Y-%m-%d %H:%M:%S", strict=False)


def zoned(column: str) -> pl.Expr:
    """Local times with their zone: of an hour that comes twice the earlier."""
    return pl.col(column).dt.replace_time_zone(ZONE, ambiguous="earliest", non_existent="null")


def day_after(column: str) -> pl.Expr:
    return pl.col(column).dt.date() + pl.duration(days=1)


def closed_cases(path: str) -> pl.DataFrame:
    """A row for each completed case."""
    events = pl.read_csv(path, infer_schema_length=0)
    accepted = events.filter(pl.col("event") == "accepted")
    completed = events.filter(pl.col("event") == "completed").unique("case_id")
    cases = accepted.join(completed.select("case_id", pl.col("occurred_at").alias("done")), on="case_id")
    cases = cases.with_columns(start=time("occurred_at"), end=time("done"), due=time("due_at"))
    online = pl.when(pl.col("channel") == "online").then(1.0).when(pl.col("channel") == "offline").then(0.0)
    return cases.with_columns(
        calendar=(zoned("end") - zoned("start")).dt.total_seconds() / DAY,
        within=pl.col("end") <= pl.col("due"),
        working=pl.business_day_count(day_after("start"), day_after("end")),
        month=pl.col("end").dt.strftime("%Y-%m"),
        online=online,
    )


def high(column: str) -> pl.Expr:
    return pl.col(column).quantile(0.95, "linear")


def figures(cases: pl.DataFrame) -> pl.DataFrame:
    return cases.group_by("unit", "month").agg(
        completed=pl.len(),
        mean=pl.col("calendar").mean(),
        p95=high("calendar"),
        mean_wd=pl.col("working").mean(),
        p95_wd=high("working"),
        share_within=pl.col("within").mean(),
        share_online=pl.col("online").mean(),
    )


def main() -> None:
    source, target = sys.argv[1:]
    cases = closed_cases(source)
    total = figures(cases.with_columns(unit=pl.lit("ALL")))
    pl.concat([figures(cases), total]).sort("unit", "month").write_csv(target)


if __name__ == "__main__":
    main()

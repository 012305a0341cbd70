"""`python -m dashboards.write`: writes every dashboard to dashboards/generated/, a folder per language, where they are
committed."""

import json
from pathlib import Path

from dashboards.build import dashboards
from services.catalog.load.plan_folder import load_plan
from services.domain.plan.plan import Plan
from services.runtime.settings import Settings

GENERATED = Path(__file__).parent / "generated"


def write(folder: Path, plan: Plan) -> list[Path]:
    """The files written; a dashboard that no builder gives any more is removed."""
    files = []
    for language, of_language in dashboards(plan).items():
        place = folder / language.value
        place.mkdir(parents=True, exist_ok=True)
        for old in place.glob("*.json"):
            old.unlink()
        for dashboard in of_language:
            file = place / f"{dashboard['uid']}.json"
            file.write_text(json.dumps(dashboard, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
            files.append(file)
    return files


if __name__ == "__main__":
    for written in write(GENERATED, load_plan(Settings().plan)):
        print(written)

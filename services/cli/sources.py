"""`kpiwatch sources`: the API keys with which sources send to the gateway."""

from pathlib import Path
from typing import Annotated

import typer

from services.catalog.load.plan_folder import load_plan
from services.cli.arguments import Bootstrap, PlanFolder, chosen_plan
from services.cli.failure import INPUT_HAS_ERRORS, Failure
from services.cli.terminal import say
from services.domain.intake.events import text_of
from services.domain.time.zone import DAY_US, Instant
from services.gateway.key_admin import KeyAdmin, NotPossible
from services.gateway.key_file import add_missing_keys
from services.gateway.key_ring import KeyState
from services.runtime.clock import Clock
from services.runtime.settings import Settings

app = typer.Typer(no_args_is_help=True)

Source = Annotated[str, typer.Argument(metavar="SOURCE", help="As in sources.toml: /units/liangjiang-water.")]


@app.command("list")
def list_keys(
    source: Annotated[str | None, typer.Argument(metavar="SOURCE", help="Only the keys of this source.")] = None,
    all_keys: Annotated[bool, typer.Option("--all", help="Also expired and revoked ones.")] = False,
    bootstrap: Bootstrap = None,
) -> None:
    """List keys: source, id, state, when made, when it expires, when last used. Never the key itself."""
    try:
        listed = _admin(bootstrap).listed(source)
    except NotPossible as reason:
        raise Failure(str(reason), INPUT_HAS_ERRORS) from None
    for line, used_at in listed:
        if all_keys or line.state in (KeyState.ACTIVE, KeyState.VOID):
            made, expires = _day(line.key.made_at), _day(line.key.expires_at)
            used = "never" if used_at is None else text_of(used_at)[:16]
            say(f"{line.key.source}  {line.id}  {line.state:7}  made {made}  expires {expires}  last used {used}")


@app.command("add-key")
def add_key(
    source: Source,
    days: Annotated[
        int | None, typer.Option(min=1, max=3650, help="It expires after so many days; else never.")
    ] = None,
    plan: PlanFolder = None,
    bootstrap: Bootstrap = None,
) -> None:
    """Make a key of a source. It is printed once and stored nowhere: only its hash is."""
    loaded = load_plan(chosen_plan(plan))
    if source not in loaded.sources and not loaded.head.open:
        raise Failure(f"{source}: sources.toml has no such source: enter it there first", INPUT_HAS_ERRORS)
    admin = _admin(bootstrap)
    try:
        made = admin.add(source, None if days is None else admin.now() + days * DAY_US)
    except NotPossible as reason:
        raise Failure(str(reason), INPUT_HAS_ERRORS) from None
    say(made.whole)


@app.command("add-keys")
def add_keys(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="JSON: source → key. Only its owner may read it.")],
    plan: PlanFolder = None,
    bootstrap: Bootstrap = None,
) -> None:
    """Make a key of every source of the plan that has no good one in FILE, and write them there."""
    try:
        made = add_missing_keys(_admin(bootstrap), load_plan(chosen_plan(plan)).sources, file)
    except NotPossible as reason:
        raise Failure(str(reason), INPUT_HAS_ERRORS) from None
    say(f"{made} keys made: {file}")


@app.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `kpiwatch sources list` shows it.")],
    bootstrap: Bootstrap = None,
) -> None:
    """Serve nobody by this key any more. It takes effect within a second."""
    try:
        source = _admin(bootstrap).revoke(key_id)
    except NotPossible as reason:
        raise Failure(str(reason), INPUT_HAS_ERRORS) from None
    say(f"revoked {key_id} of {source}")


@app.command()
def rotate(
    source: Source,
    keep: Annotated[int, typer.Option(min=0, max=365, help="Days for which the present key goes on.")] = 7,
    bootstrap: Bootstrap = None,
) -> None:
    """Make a second key of a source, and let the present one expire. The new one is printed once."""
    try:
        made = _admin(bootstrap).rotate(source, keep * DAY_US)
    except NotPossible as reason:
        raise Failure(str(reason), INPUT_HAS_ERRORS) from None
    say(made.whole)


def _admin(bootstrap: str | None) -> KeyAdmin:
    return KeyAdmin(bootstrap or Settings.from_environment().bootstrap, Clock.real().now)


def _day(at: Instant | None) -> str:
    return "never" if at is None else text_of(at)[:10]

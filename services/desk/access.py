"""Who may do what at the desk. One function answers it, `may`, for every route, row, form and file.

A *role* is what an account is for. An *access* is what a route is for. An *About* says whose business the thing is that
is asked for: a case, a promise, a notice. Units see and do what is their own. The operations centre sees all, and
decides nothing for a unit that the account belongs to. An auditor reads logs. An administrator manages accounts.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, Literal, NamedTuple

Language = Literal["zh", "en"]


class Role(StrEnum):
    """What an account is for."""

    UNIT = "unit"
    """Somebody of a unit: sees its own, and answers for it."""
    OPERATIONS = "operations"
    """The operations centre: sees all and decides."""
    AUDITOR = "auditor"
    """Reads the logs of sign-ins, views and exports, and nothing else."""
    ADMIN = "admin"
    """Manages accounts; sees no cases and decides nothing."""


class Access(StrEnum):
    """What a route is for."""

    ANYONE = "anyone"
    """The page to sign in, its style: what shows nothing of the district."""
    ACCOUNT = "account"
    """What everybody who is signed in may: their own account, to sign out."""
    READ = "read"
    """Figures, promises, cards, cases and files of them, without the texts that people wrote."""
    READ_TEXTS = "read_texts"
    """The texts of replies, reasons and remarks."""
    ACT = "act"
    """What a unit does itself: acknowledge, reply, ask."""
    DECIDE = "decide"
    """What the operations centre decides about a unit: reasons, extensions, late entries, erasures."""
    OPERATE = "operate"
    """What belongs to the operations centre and is about no unit in particular."""
    LOGS = "logs"
    """Who signed in, looked at what and took what away."""
    MANAGE = "manage"
    """Accounts."""


class Viewer(NamedTuple):
    """Who asks."""

    account: str
    role: Role
    unit: str = ""
    """The unit of the account; empty: of none. An account of the operations centre may belong to one, too."""
    language: Language = "zh"


class About(NamedTuple):
    """Whose business a thing is."""

    owners: frozenset[str] = frozenset()
    """Units that accepted the case or held a node of it; to whom a notice or an order is addressed."""
    leads: frozenset[str] = frozenset()
    """Units that lead a promise behind it: they see it, without texts, and do nothing about it."""
    everyone: bool = False
    """A figure of the district as a whole, with nothing of a case in it: every unit reads it."""


EVERYONE: Final = About(everyone=True)

_ROLES: Final[Mapping[Access, frozenset[Role]]] = {
    Access.ANYONE: frozenset(Role),
    Access.ACCOUNT: frozenset(Role),
    Access.READ: frozenset((Role.UNIT, Role.OPERATIONS)),
    Access.READ_TEXTS: frozenset((Role.UNIT, Role.OPERATIONS)),
    Access.ACT: frozenset((Role.UNIT,)),
    Access.DECIDE: frozenset((Role.OPERATIONS,)),
    Access.OPERATE: frozenset((Role.OPERATIONS,)),
    Access.LOGS: frozenset((Role.OPERATIONS, Role.AUDITOR)),
    Access.MANAGE: frozenset((Role.ADMIN,)),
}
ABOUT_A_UNIT: Final = frozenset((Access.READ, Access.READ_TEXTS, Access.ACT, Access.DECIDE))
"""Accesses for which the role does not say enough: a route with one of them says what it is about, too."""


def may(viewer: Viewer | None, access: Access, about: About | None = None) -> bool:
    """Whether somebody may do something about a thing.

    `viewer`: None: nobody is signed in. `about`: None asks whether the role may do such a thing at all: for a menu, and
    for a page that lists only what `may` lets through.
    """
    if viewer is None:
        return access is Access.ANYONE
    if viewer.role not in _ROLES[access]:
        return False
    return about is None or access not in ABOUT_A_UNIT or _is_own(viewer, access, about)


def _is_own(viewer: Viewer, access: Access, about: About) -> bool:
    """Whether a thing is such that this viewer, whose role may do it, may do it about this one."""
    owners = about.owners - {""}  # what belongs to no unit is no unit's, not that of an account without one
    concerned = owners | about.leads - {""}
    if access is Access.DECIDE:
        return viewer.unit not in concerned
    if viewer.role is Role.OPERATIONS:
        return True
    if access is Access.READ:
        return about.everyone or viewer.unit in concerned
    return viewer.unit in owners

"""An act that is not open: in both languages, with the field that it lies at."""

from services.domain.plan.plan import Title


class ActRefused(Exception):
    """What somebody wants to do cannot be done. The sentences say why, and what helps."""

    def __init__(self, zh: str, en: str, field: str = "") -> None:
        """`field`: of the form, beside which it is said; empty: it lies at no field."""
        super().__init__(en)
        self.text = Title(zh=zh, en=en)
        self.field = field


class ActUnclear(ActRefused):
    """What is meant cannot be told: it may be open once it is said rightly."""

"""What was written into a form, checked field by field. All that is wrong is found at once."""

from collections.abc import Iterable, Mapping

from services.desk.acting.fields import Checked, Field, FieldError
from services.desk.acting.written import checked
from services.domain.plan.plan import Title

_LONGEST = 200
"""Characters of a field that is no text."""


def check(fields: Iterable[Field], posted: Mapping[str, str]) -> Checked:
    """Each field of a form as it came. What nobody asked for is passed over."""
    found = Checked({}, {})
    for field in fields:
        written = posted.get(field.name, "")
        try:
            found.filled[field.name] = _value(field, written)
        except FieldError as error:
            found.filled[field.name] = error.keep
            found.errors[field.name] = error.text
    return found


def _value(field: Field, written: str) -> str:
    value = checked(written, field.name) if field.kind == "text" else _short(field, written)
    if field.required and not value:
        raise FieldError(field.name, _MISSING["choice" if field.choices else "text"], "")
    if value and field.choices and value not in {each.value for each in field.choices}:
        raise FieldError(field.name, Title(zh="请在列表中选择", en="choose one of the list"), "")
    return value


def _short(field: Field, written: str) -> str:
    value = written.strip()
    if len(value) > _LONGEST or not value.isprintable():
        raise FieldError(field.name, Title(zh="内容有误，请重填", en="it cannot be read: write it again"), "")
    return value


_MISSING = {
    "text": Title(zh="请填写", en="write something here"),
    "choice": Title(zh="请选择其一", en="choose one"),
}

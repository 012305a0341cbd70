"""Texts that people write into forms: what can be kept of them."""

from typing import Final

from services.desk.acting.fields import FieldError
from services.domain.intake.personal_data import personal_number
from services.domain.intake.visible_text import LINES, first_unsafe
from services.domain.plan.plan import Title

MOST: Final = 2_000
"""Characters of a text."""
_KINDS: Final = {
    "mobile number": Title(zh="手机号码", en="mobile number"),
    "identity-card number": Title(zh="身份证号码", en="identity-card number"),
    "bank-card number": Title(zh="银行卡号", en="bank-card number"),
}


def checked(written: str, name: str = "text") -> str:
    """A text as it is kept: lines end alike, nothing around it. Raises FieldError, with what may stay in the field.

    What cannot be seen is refused and not kept: it may hide or turn around what others read.
    """
    text = written.replace("\r\n", "\n").replace("\r", "\n").strip()
    bare = "".join(one for one in text if one in LINES or not first_unsafe(one))
    if bare != text:
        sign = next(first_unsafe(one) for one in text if one not in LINES and first_unsafe(one))
        raise FieldError(
            name,
            Title(
                zh=f"含有不可见字符（如{sign}），已自动去除，请核对后再提交",
                en=f"it held characters that cannot be seen ({sign}): they are taken out, check it and send it again",
            ),
            bare,
        )
    if len(text) > MOST:
        raise FieldError(
            name,
            Title(
                zh=f"最多{MOST}字，现有{len(text)}字：请删减",
                en=f"at most {MOST:,} characters, it has {len(text):,}: shorten it",
            ),
            text,
        )
    kind = personal_number(text)
    if kind is not None:
        named = _KINDS.get(kind, Title(zh="个人号码", en=kind))
        raise FieldError(
            name,
            Title(zh=f"含有{named.zh}：请删去", en=f"it has what looks like a {named.en}: leave that out"),
            text,
        )
    return text

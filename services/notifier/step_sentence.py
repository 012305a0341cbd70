"""A step of escalation in a sentence, in both languages, for the notice to a unit, or to who decides on a 通报. No
sentence names the case."""

from services.catalog.words.supervision import STEP_NAMES
from services.domain.plan.plan import Plan, SupervisionStep, Title
from services.messaging.records.steps import RecordedStep
from services.notifier.card_sentence import due_words


class StepSentences:
    """The sentences of a plan's steps."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._titles = {promise.id: promise.title for promise in plan.promises}

    def of(self, step: RecordedStep, number: str = "", answer_by: str = "") -> Title:
        """`催办：小型项目供水接入（K06-1），应于2021年9月28日24时前完成，亮红牌后第3个工作日仍未办结。请立即办理…`

        `number`, `answer_by`: of a written order."""
        kpi = step.key.kpi
        title = self._titles.get(kpi, Title(zh=kpi, en=kpi))
        late = self._late(step)
        asked = self._asked(step, answer_by)
        head = STEP_NAMES[step.step]
        zh, en = (f"{head.zh}{number}", f"{head.en} {number}") if number else (head.zh, head.en)
        return Title(
            zh=f"{zh}：{title.zh}（{kpi}），{late.zh}。{asked.zh}",
            en=f"{en}: {title.en} ({kpi}), {late.en}. {asked.en}",
        )

    @staticmethod
    def _late(step: RecordedStep) -> Title:
        days = step.days
        passed = Title(zh="亮红牌当日仍未办结", en="not completed on the day of its red card")
        if days:
            plural = "" if days == 1 else "s"
            passed = Title(
                zh=f"亮红牌后第{days}个工作日仍未办结",
                en=f"not completed {days} working day{plural} after its red card",
            )
        if not step.due_at:
            return passed
        due = due_words(step.due_at)
        return Title(zh=f"{due.zh}，{passed.zh}", en=f"{due.en}, {passed.en}")

    def _asked(self, step: RecordedStep, answer_by: str) -> Title:
        """What whoever gets it is to do."""
        match step.step:
            case SupervisionStep.REMINDER:
                return Title(zh="请抓紧办理。", en="Please complete it soon.")
            case SupervisionStep.URGING:
                return Title(
                    zh="请立即办理，并回告进展和预计办结日期。",
                    en="Please complete it now, and reply how far it is and on which day it will be completed.",
                )
            case SupervisionStep.ORDER:
                by = due_words(answer_by) if answer_by else Title(zh="", en="")
                until = by.zh.removeprefix("应于").removesuffix("前完成")
                return Title(
                    zh=f"请于{until}前书面回告。" if until else "请书面回告。",
                    en=f"A written answer is {by.en}." if by.en else "Please answer in writing.",
                )
        unit = self._plan.units[step.unit].title if step.unit in self._plan.units else Title(zh=step.unit, en=step.unit)
        who = self._plan.head.supervision.proposed_to
        return Title(
            zh=f"承办单位：{unit.zh}。建议予以通报，请{who.zh}审定。",
            en=f"Unit: {unit.en}. A circular is proposed; the {who.en} decides.",
        )

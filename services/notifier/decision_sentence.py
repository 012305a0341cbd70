"""A decision of the operations centre in a sentence, in both languages, for the notice to a unit. No sentence names the
case, or has a text that somebody wrote: it leaves the house through messengers."""

from datetime import date

from services.catalog.words.assignments import assigned_for
from services.catalog.words.unit_names import unit_title
from services.domain.plan.plan import Plan, Title
from services.domain.time.zone import Zone
from services.messaging.records.decisions import Decision
from services.messaging.records.steps import RecordedStep
from services.notifier.card_sentence import due_words


class DecisionSentences:
    """The sentences of a plan."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._zone = Zone(plan.head.timezone)
        self._titles = {promise.key: promise.title for promise in plan.promises}

    def of_assignment(self, decision: Decision) -> Title:
        """`交办：小型项目供水接入（K06-1），请于2021年10月15日24时前回告。原因：需配合办理。由运行中心交办（经办账号…）…`"""
        kpi, by = decision.matter.kpi, decision.by
        title = self._title(kpi)
        due = self._due(decision.until)
        until = due.zh.removeprefix("应于").removesuffix("前完成")
        why = assigned_for(decision.why)
        said = Title(zh="", en="") if why is None else Title(zh=f"原因：{why.zh}。", en=f" Why: {why.en}.")
        return Title(
            zh=f"交办：{title.zh}（{kpi}）办件1件，请于{until}前回告。{said.zh}由运行中心交办（经办账号{by}），请登录督办台签收、回告。",
            en=f"Assigned: a case of {title.en} ({kpi}); an answer is {due.en}.{said.en} Assigned by {by} of the "
            "operations centre. Please acknowledge and answer it at the desk.",
        )

    def of_circular(self, step: RecordedStep) -> Title:
        """`通报：小型项目供水接入（K06-1），承办单位：两江水务，应于…前完成，亮红牌后第10个工作日仍未办结。…`"""
        kpi = step.key.kpi
        title, unit = self._title(kpi), unit_title(step.unit, self._plan)
        due = due_words(step.due_at) if step.due_at else Title(zh="不符合要求", en="a rule is broken")
        return Title(
            zh=f"通报：{title.zh}（{kpi}），承办单位：{unit.zh}，{due.zh}，亮红牌后第{step.days}个工作日仍未办结。"
            "请登录督办台查看全文。",
            en=f"Circular: {title.en} ({kpi}), unit: {unit.en}, {due.en}, not completed {step.days} working days after "
            "its red card. Please read it at the desk.",
        )

    def _title(self, kpi: str) -> Title:
        return self._titles.get(kpi, Title(zh=kpi, en=kpi))

    def _due(self, day: str) -> Title:
        """The end of a day, `2021-10-15`; of another form it is shown as it is."""
        try:
            after = date.fromisoformat(day).toordinal() + 1
        except ValueError:
            return due_words(day)
        return due_words(self._zone.text(self._zone.midnight(after) - 1))

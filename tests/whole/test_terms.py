"""One term for each thing, in everything that people read in Chinese."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
OTHERS = {
    "裁定": "判定",
    "在办案件": "在办件",
    "办结案件": "办结的办件",
    "未测量": "未报送，无法评价",
    "无法计量": "未报送，无法评价",
    "数据陈旧": "数据未更新",
    "不可读": "无法识别",
    "持有单位": "承办单位",
    "持件": "停留办件",
    "中止": "暂停计时",
    "停表": "暂停计时",
    "止算": "计时终止",
    "最差在前": "由差到好",
    "无目标值": "方案未定目标值",
    "次数不超过0次": "不得…",
    "逾期未": "超期未办结",
    "逾期办结": "超期办结",
    "报明": "填报",
    "一般知识": "待核",
    "占位样本": "占位示例",
    "最近一月": "最近报送月份",
    "节点达成": "节点完成",
    "任务为": "一次性任务（…）",
    "企业家数": "企业户数",
    "读法": "理解",
    "此承诺": "本承诺",
    "可代表的": "可代报",
    "日），应": "应于…前（含当日）",
    "下滑": "变差",
    "截止": "期限",
    "个事件": "条事件",
    "逾期办件": "超期办件",
    "已逾期": "已超期",
    "不准延期": "不予延期",
    "可以答复": "可以回告",
    "待答复": "待回告",
    "待处理事项": "待决定的事项",
    "督办通知": "督办单",
    "拟通报": "通报建议",
    "督办台账": "台账",
    "现承办": "当前承办",
    "营商办": "运行中心",
    "运维中心": "运行中心",
    "运维人员": "系统值班人员",
    "运行人员": "系统值班人员",
    "当前值": "完成值",
    "当前数值": "完成值",
    "余量": "剩余允许数",
    "还可未达标": "剩余允许数",
    "累计未达标": "累计超期、不符合",
    '样本量 n"': "样本量",
    "计划时钟": "系统时间",
    "计划时间": "系统时间",
    "演示时钟": "模拟时间",
    "模拟时钟": "模拟时间",
    "真实时间": "实际时间",
    "真实时钟": "实际时间",
    "办件提醒": "红黄牌",
    "黄色提醒": "黄牌",
    "红色提醒": "红牌",
    "转为红牌": "被亮红牌",
    "黄红牌": "红黄牌",
    "惯常": "通常间隔",
    "通常延迟": "通常间隔",
    "来源未报送": "数据源未报送",
    "来源报送": "数据源报送",
    "来源 Source": "数据源 Source",
    "来源 source": "数据源 source",
    "目标值来源": "目标值依据",
    "待确认": "待认定",
    "补录属实": "补录予以认定",
    "认定属实": "予以认定",
    "补录审核": "补录认定",
    "要素未填，": "要素未填报，",
    "无法归类件数": "要素未填报件数",
    "一轮": "一次办理",
    "告警手册": "处置手册",
    "总览": "概况",
    "交由": "办理单位",
    '的交办"': "交办事项",
    "数据信号": "数据疑点",
    "指标未更新": "数据汇总中断",
    "指标汇总": "数据汇总",
    "指标导出": "数据导出",
    "签名快照": "台账快照",
    "不再超期": "更正后不再计为…",
    "办件记录": "办理经过",
    "办件经过": "办理经过",
    "应完成时间": "期限",
    "被拒事件": "拒收事件",
    "数字背后": "所计办件",
    "页首须有数据": "无（页首也没有数据的，为数据缺失）",
    "（规则": "the reason itself: an official does not know our rules by number",
    "按规则1": "the reason itself",
    '本单位", en="the unit': "单位",
}
"""A word that is not used → the one that is."""


def _alerts() -> Iterator[str]:
    rules = YAML(typ="safe").load((ROOT / "deploy" / "prometheus" / "rules.yml").read_text(encoding="utf-8"))
    for group in rules["groups"]:
        yield from (rule.get("annotations", {}).get("summary_zh", "") for rule in group["rules"])


def _dashboards() -> Iterator[str]:
    for page in (ROOT / "dashboards" / "generated" / "zh").glob("*.json"):
        yield json.dumps(json.loads(page.read_text(encoding="utf-8")), ensure_ascii=False)


def _pages() -> Iterator[str]:
    for page in (ROOT / "docs" / "promises").glob("K*.md"):
        lines = page.read_text(encoding="utf-8").splitlines()
        yield "\n".join(line for line in lines if not line.startswith(">"))  # the plan's own words


def _runbooks() -> Iterator[str]:
    yield from (page.read_text(encoding="utf-8") for page in (ROOT / "deploy" / "runbooks").glob("*.md"))


def _words() -> Iterator[str]:
    yield (ROOT / "services" / "metric_names" / "alert_names.py").read_text(encoding="utf-8")
    for room in (
        "cli",
        "local",
        "explanation",
        "notifier",
        "catalog/words",
        "gateway/try_page",
        "reporting",
        "handbook",
        "alert_rules",
        "desk",
        "acting",
        "ledger",
        "briefing",
        "figures",
    ):
        files = (file for file in (ROOT / "services" / room).rglob("*") if file.suffix in (".py", ".js", ".html"))
        yield from (file.read_text(encoding="utf-8") for file in files)


_HEADINGS = {"数值": "完成值", "件数": "样本量", "等级": "牌色", "终点": "计时终止", "信号": "疑点"}
"""What no heading is called, and many a sentence has → what it is called."""


@pytest.mark.parametrize("read", [_dashboards, _words])
def test_one_heading_has_one_name(read: Callable[[], Iterator[str]]) -> None:
    texts = list(read())
    assert texts
    assert not {word: instead for word, instead in _HEADINGS.items() for text in texts if f'"{word}"' in text}


@pytest.mark.parametrize("read", [_alerts, _dashboards, _pages, _runbooks, _words])
def test_one_thing_has_one_name(read: Callable[[], Iterator[str]]) -> None:
    texts = list(read())
    assert texts
    assert not {word: instead for word, instead in OTHERS.items() for text in texts if word in text}


def test_no_alert_shows_the_code_of_a_unit_where_there_is_a_title() -> None:
    shown = [text for text in _alerts() if re.search(r"\$labels\.unit\b", text)]
    assert shown and all("kpi_unit_info" in text for text in shown)

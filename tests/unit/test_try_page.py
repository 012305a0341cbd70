"""The page `/try` without a browser: what it is served with, and what it shows of plan and contract."""

import re
from functools import cache
from importlib.resources import files

import httpx
import orjson
from fastapi import FastAPI

from services.catalog.words.sample_names import sample_name
from services.domain.intake.events import MODELS
from services.domain.intake.refusal import Reason
from services.domain.judging.judgement import Outcome
from services.domain.plan.statutory_time import Law
from services.domain.time.rfc3339 import instant_from
from services.explanation.words import outcome_word
from services.gateway.admit import admit_each
from services.gateway.try_page.routes import add_try_page
from services.gateway.wire import Sent
from tests.asgi import get
from tests.mutations import shipped_plan
from tests.unit.gateway import Gateway, edge
from tests.verdicts import shipped

FILES = {name: (files("services.gateway.try_page") / name).read_text() for name in ("page.html", "page.css", "page.js")}


@cache
def app() -> FastAPI:
    gateway = Gateway()
    add_try_page(gateway.app, Law(shipped_plan(), shipped().law.calendar))
    return gateway.app


def policy(answer: httpx.Response) -> dict[str, str]:
    parts = (part.strip().partition(" ") for part in answer.headers["content-security-policy"].split(";"))
    return {name: value for name, _, value in parts}


def test_only_what_comes_from_its_own_address_is_run() -> None:
    for path, kind in (("", "text/html"), ("/page.css", "text/css"), ("/page.js", "text/javascript")):
        answer = get(app(), f"/try{path}")
        assert answer.status_code == 200 and answer.headers["content-type"] == f"{kind}; charset=utf-8"
        rules = policy(answer)
        assert rules["default-src"] == "'none'" and rules["frame-ancestors"] == "'none'"
        assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
        assert answer.headers["x-content-type-options"] == "nosniff"
    html = FILES["page.html"]
    assert not re.search(r"<(script|style)>|\bon[a-z]+=|\bstyle=|https?://", html), "the policy would refuse it"
    assert not re.search(
        r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|Storage|cookie", FILES["page.js"]
    )


def test_each_text_of_the_page_is_there_in_both_languages() -> None:
    html = FILES["page.html"]
    assert html.count('class="zh"') == html.count('class="en"') > 20
    assert not re.findall(r'class="zh"(?: lang="zh")?>[^<]*[a-z]{20,}', html)


def test_every_promise_type_and_reason_is_shown_by_name() -> None:
    shown = get(app(), "/try/content").json()
    assert [each["key"] for each in shown["promises"]] == [each.key for each in shipped_plan().promises]
    assert [each["type"] for each in shown["types"]] == list(MODELS)
    assert [each["code"] for each in shown["reasons"]] == [str(each) for each in Reason]
    assert all(each["title"]["zh"] and each["words"]["en"] and each["clause"] for each in shown["promises"])
    accepted = next(each for each in shown["types"] if each["type"] == "case.accepted")
    assert accepted["zh"] == "受理" and {"name": "unit", "required": True, "zh": "单位"} in accepted["fields"]
    assert all(
        each["zh"] for listed in (shown["envelope"], *(one["fields"] for one in shown["types"])) for each in listed
    )
    required = {each["name"] for each in shown["envelope"] if each["required"]}
    assert required == {"specversion", "id", "source", "subject", "time"}


def test_a_single_case_is_called_by_its_verdict() -> None:
    """达标 and 未达标 are said of the figure of a promise."""
    for promise in shipped_plan().promises:
        met, missed = (outcome_word(each, promise).zh for each in (Outcome.MET, Outcome.MISSED))
        assert sample_name("met", promise).zh == met and "标" not in met
        assert (
            sample_name("missed", promise).zh
            == missed
            == sample_name("missed_otherwise", promise).zh.partition("（")[0]
        )


def test_a_clause_is_marked_with_the_language_of_the_plan() -> None:
    assert get(app(), "/try/content").json()["language"] == shipped_plan().head.language
    assert FILES["page.js"].count("promise.clause") == FILES["page.js"].count("quoted(promise.clause)") == 2


def test_every_sample_is_admitted_for_the_source_under_which_it_is_shown() -> None:
    latest = instant_from("2024-01-01T00:00:00Z")
    for promise in shipped_plan().promises[::10]:
        samples = get(app(), f"/try/samples?promise={promise.key}").json()["samples"]
        assert samples or not promise.lead, promise.key
        for sample in samples:
            assert sample["name"]["zh"] and sample["sources"]
            for one in sample["sources"]:
                events = [Sent(orjson.dumps(event)) for event in one["events"]]
                assert admit_each(events, one["source"], [latest] * len(events), edge()).refused == []
    missing = get(app(), "/try/samples?promise=K99-9")
    assert missing.status_code == 404 and missing.json()["type"].endswith("no_promise")

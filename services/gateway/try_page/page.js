"use strict";
// The page of /try. Every text from outside is set as text, never as HTML. The key stays in its field.

const BATCH = "application/cloudevents-batch+json";
const at = (id) => document.getElementById(id);
let words = null; // of /try/content

// ---- elements -------------------------------------------------------------------------------------------
function element(name, content = [], attributes = {}) {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...(Array.isArray(content) ? content : [content]));
  return made;
}

// A text in both languages, of which one is shown.
function both(zh, en) {
  return element("span", [
    element("span", zh, { class: "zh", lang: "zh" }), element("span", en, { class: "en", lang: "en" }),
  ]);
}
const titled = (title) => both(title.zh, title.en);
// A clause, in the language of the plan.
const quoted = (clause) => element("blockquote", clause, { lang: (words && words.language) || (/\p{Script=Han}/u.test(clause) ? "zh" : "en") });
const english = (text) => element("span", text, { lang: "en" });

// Wide tables scroll by themselves, also by the keyboard.
function table(caption, head, rows) {
  const body = rows.map((row) => element("tr", row.cells.map((cell) => cell instanceof HTMLTableCellElement
    ? cell : element("td", cell === null ? "–" : cell)), row.kind ? { class: row.kind } : {}));
  const made = element("table", [
    element("caption", caption, { class: "hint" }),
    element("thead", element("tr", head.map((cell) => element("th", cell, { scope: "col" })))), element("tbody", body),
  ]);
  return element("div", made, { class: "scroll", tabindex: "0", role: "group", "aria-label": caption.textContent });
}
const cells = (...all) => ({ cells: all, kind: "" });
const number = (text) => element("td", text, { class: "number" });

function details(summary, fill) {
  const made = element("details", element("summary", summary));
  let filled = false;
  made.addEventListener("toggle", () => {
    if (made.open && !filled) {
      filled = true;
      fill(made);
    }
  });
  return made;
}

// The last microsecond of a date is its 24:00.
const time = (text) => (text ? text.replace("T23:59:59.999999", " 24:00:00").replace("T", " ").replace(/(\.\d+)?([+-]\d\d:\d\d|Z)$/, "") : null);

// ---- requests -------------------------------------------------------------------------------------------
// The events as an array, byte for byte as they were typed.
function batch(text) {
  const trimmed = text.trim();
  if (trimmed.startsWith("[")) return trimmed;
  try {
    JSON.parse(trimmed);
    return `[${trimmed}]`;
  } catch {
    return `[${trimmed.split("\n").filter((line) => line.trim()).join(",")}]`;
  }
}

async function ask(button, path, options, show) {
  const section = at("result-section");
  const key = at("key").value.trim();
  at("result").replaceChildren();
  say(both("正在处理……", "Working…"));
  button.disabled = true;
  section.setAttribute("aria-busy", "true");
  try {
    if (!/^[\x21-\x7e]+$/.test(key)) {
      say(both("请先填写接口密钥。", "Write the API key first."), "bad");
      at("key").focus();
      return;
    }
    const headers = { Authorization: `Bearer ${key}`, ...(options.body === undefined ? {} : { "Content-Type": BATCH }) };
    const response = await fetch(path, { ...options, headers, cache: "no-store", credentials: "omit" });
    const answer = await response.json();
    if (response.ok || (response.status === 422 && answer.problems)) show(answer);
    else problem(response, answer);
    at("result-title").focus();
  } catch {
    say(both("报送网关没有响应，请稍后重试。", "The gateway does not answer. Try again later."), "bad");
  } finally {
    button.disabled = false;
    section.setAttribute("aria-busy", "false");
  }
}

function say(content, kind = "") {
  at("status").className = kind;
  at("status").replaceChildren(content);
}

const HTTP_WORDS = {
  400: "请求内容无法识别", 401: "接口密钥无效", 403: "无权查看", 404: "没有可查看的办件", 408: "请求传输超时", 413: "内容超出上限",
  415: "不支持该内容类型", 429: "请求过于频繁", 503: "暂时无法处理，请稍后重试",
};

function problem(response, answer) {
  say(both(HTTP_WORDS[response.status] || "处理失败", answer.title || "Failed"), "bad");
  const retry = response.headers.get("retry-after");
  at("result").append(
    element("p", [both("错误及处理办法（英文）：", ""), english(`${answer.detail || ""} → ${answer.remedy || ""}`)]),
    ...(retry ? [element("p", both(`${retry}秒后可重试。`, `Try again after ${retry} s.`))] : []),
  );
}

// ---- refusals -------------------------------------------------------------------------------------------
const reasonOf = (code) => (words && words.reasons.find((each) => each.code === code)) || { zh: code, en: code };

function refusals(caption, problems) {
  const head = [both("序号", "no."), both("字段", "path"), both("原因", "reason"), both("错误（英文）", "what is wrong"),
    both("处理办法（英文）", "remedy")];
  return table(caption, head, problems.map((each) => cells(
    number(String(each.index + 1)), element("td", element("code", each.path || "–")),
    element("td", [titled(reasonOf(each.title)), " ", element("code", each.title)]), element("td", english(each.detail)),
    element("td", english(each.remedy)),
  )));
}

function validated(answer) {
  const refused = answer.problems || [];
  say(both(
    `校验完成：可接收${answer.accepted}条，将拒收${refused.length}条。`,
    `Validated: ${answer.accepted} would be accepted, ${refused.length} refused.`,
  ), refused.length ? "bad" : "good");
  if (refused.length) at("result").append(refusals(both("将被拒收的事件", "Events that would be refused"), refused));
}

// ---- before and after -----------------------------------------------------------------------------------
function tried(answer) {
  const refused = [...answer.problems, ...answer.refused_by_case];
  say(both(
    `模拟判定完成：可接收${answer.accepted}条，将拒收${answer.refused}条，涉及办件${answer.cases.length}件。判定截至${time(answer.as_of)}。`,
    `Tried: ${answer.accepted} would be accepted, ${answer.refused} refused, ${answer.cases.length} cases touched. Judged as of ${time(answer.as_of)}.`,
  ), refused.length ? "bad" : "good");
  const result = at("result");
  if (answer.problems.length) result.append(refusals(both("将被拒收的事件", "Events that would be refused"), answer.problems));
  if (answer.refused_by_case.length) {
    result.append(refusals(both("与办件已有事件不符、将被拒收的事件", "Events that their case would refuse"), answer.refused_by_case));
  }
  if (answer.repeated.length) {
    const places = answer.repeated.map((place) => place + 1);
    result.append(element("p", both(
      `重复事件（不重复计入）：第${places.join("、")}条。`, `Repeated events, which change nothing: ${places.join(", ")}.`,
    )));
  }
  const shown = answer.cases.slice(0, 50);
  result.append(...shown.map((each) => compared(each, answer)));
  if (shown.length < answer.cases.length) {
    result.append(element("p", both(`另有${answer.cases.length - shown.length}件办件未显示。`, `${answer.cases.length - shown.length} more cases are not shown.`)));
  }
  for (const account of answer.accounts || []) result.append(accountOf(account));
}

const verdictKey = (verdict) => JSON.stringify([verdict.kpi, verdict.cycle, verdict.item]);

function compared(one, answer) {
  const found = new Map();
  for (const when of ["before", "after"]) {
    for (const verdict of one[when].verdicts) {
      const key = verdictKey(verdict);
      found.set(key, { ...found.get(key), [when]: verdict });
    }
  }
  const rows = [...found.values()].map(({ before, after }) => {
    const changed = JSON.stringify(before) !== JSON.stringify(after);
    const kpi = (after || before).kpi;
    return {
      cells: [
        element("td", [element("code", kpi), " ", titled(answer.promises[kpi].title)]), verdictCell(before), verdictCell(after),
        after ? time(after.due) : null, changed ? both("有变化", "changed") : both("无变化", "unchanged"),
      ],
      kind: changed ? "changed" : "",
    };
  });
  const head = [both("承诺", "promise"), both("接收前", "before"), both("接收后", "after"), both("期限", "due"), both("变化", "change")];
  const name = one.subject;
  return element("article", [
    element("h3", both(`办件 ${name}`, `Case ${name}`)),
    ...(one.after.quarantined ? [element("p", both("该办件无法判定。", "The case cannot be judged."), { class: "bad" })] : []),
    rows.length ? table(both(`办件 ${name} 的判定`, `Verdicts on ${name}`), head, rows)
      : element("p", both("没有可查看的判定。", "There is no verdict that you may see.")),
    cards(one.before.cards, both("接收前的黄牌、红牌", "Cards before")), cards(one.after.cards, both("接收后的黄牌、红牌", "Cards after")),
  ]);
}

function verdictCell(verdict) {
  if (!verdict) return element("td", "–");
  const bad = verdict.verdict === "missed" || verdict.verdict === "overdue";
  const good = verdict.verdict === "met";
  return element("td", titled(verdict.words), bad ? { class: "bad" } : good ? { class: "good" } : {});
}

// The code of a promise, and its title where the plan has it.
function promiseName(kpi) {
  const promise = words && words.promises.find((each) => each.key === kpi);
  return [element("code", kpi), ...(promise ? [" ", titled(promise.title)] : [])];
}

function cards(all, caption) {
  if (!all.length) return element("p", [caption, both("：无", ": none")], { class: "hint" });
  const head = [both("牌色", "card"), both("承诺", "promise"), both("亮牌时间", "raised"), both("期限", "due"), both("解除时间及原因", "cleared")];
  return table(caption, head, all.map((card) => cells(
    card.level === "red" ? both("红牌", "red") : both("黄牌", "yellow"), element("td", promiseName(card.kpi)), time(card.raised_at),
    time(card.due_at), element("td", card.cleared_at
      ? [time(card.cleared_at), " ", titled((words && words.card_reasons[card.reason]) || { zh: card.reason, en: card.reason })]
      : both("未解除", "active")),
  )));
}

// ---- accounts -------------------------------------------------------------------------------------------
function looked(answer) {
  const until = time(answer.read_until);
  say(both(`查询完成。数据截至${until}。`, `Found. Read until ${until}.`), "good");
  at("result").append(...answer.cases.map(accountOf));
}

function accountOf(account) {
  const made = element("article", element("h3", both(`办件 ${account.case}：逐日计时`, `Case ${account.case}, day by day`)));
  if (account.quarantined || !account.cycles) {
    made.append(element("p", both("该办件无法判定。", "The case cannot be judged."), { class: "bad" }));
    return made;
  }
  made.append(element("p", both(`判定截至${time(account.as_of)}`, `As of ${time(account.as_of)}`), { class: "hint" }), history(account));
  for (const cycle of account.cycles) {
    if (account.cycles.length > 1) made.append(element("h4", both(`第${cycle.cycle}次办理`, `Request ${cycle.cycle}`)));
    made.append(...cycle.promises.map(promiseOf));
  }
  made.append(cards(account.cards, both("黄牌、红牌", "Cards")));
  return made;
}

function history(account) {
  const types = new Map((words ? words.types : []).map((each) => [each.type, each.zh]));
  const head = [both("时间", "time"), both("事件", "event"), both("事件编号", "id"), both("状态", "status")];
  return table(both("事件", "Events"), head, account.history.map((fact) => cells(
    time(fact.time), both(types.get(fact.type) || fact.type, fact.type), element("td", element("code", fact.id)),
    fact.standing === "stands" ? both("有效", "counts") : titled((words && words.statuses[fact.standing]) || { zh: fact.standing, en: fact.standing }),
  )));
}

function promiseOf(promise) {
  const summary = element("span", [
    element("code", promise.kpi), " ", titled(promise.title), both("：", ": "), titled(promise.verdict_words),
  ]);
  return details(summary, (made) => {
    made.append(quoted(promise.clause), element("p", titled(promise.words)));
    const points = [["起算", "start", promise.start], ["期限", "due", promise.due], ["计时终止", "stop", promise.stop]];
    made.append(element("p", points.filter((each) => each[2]).map(([zh, en, value]) => both(`${zh}：${time(value)}　`, `${en}: ${time(value)}  `))));
    if (promise.counts) made.append(element("p", promise.counts));
    if (promise.account) made.append(dayTable(promise.account));
  });
}

function dayTable(account) {
  const measure = (words && words.measures[account.measure]) || { zh: account.measure, en: account.measure };
  const caption = both(
    `逐日计时：合计${account.net}${measure.zh}；暂停计时${account.suspended}${measure.zh}`, `Day by day, ${account.net} ${measure.en} in all; suspended ${account.suspended}`,
  );
  const head = [both("日期", "day"), both("计入", "counted"), both("暂停计时", "suspended"), both("说明", "why")];
  return table(caption, head, account.days.map((day) => ({
    cells: [day.day, number(day.counted), number(day.suspended), day.words], kind: Number(day.counted) ? "" : "off",
  })));
}

// ---- promises and contract ------------------------------------------------------------------------------
function promiseEntry(promise) {
  const summary = element("span", [element("code", promise.key), " ", titled(promise.title)]);
  const made = details(summary, async (entry) => {
    entry.append(quoted(promise.clause), element("p", titled(promise.words)));
    try {
      const response = await fetch(`/try/samples?promise=${encodeURIComponent(promise.key)}`, { credentials: "omit" });
      const { samples } = await response.json();
      if (!samples.length) entry.append(element("p", both("暂无示例：方案未登记报送该内容的数据源。", "No sample: no source reports on it.")));
      for (const sample of samples) entry.append(...sample.sources.map((one) => sampleOf(sample.name, one)));
    } catch {
      entry.append(element("p", both("示例读取失败，请刷新页面。", "The samples could not be read. Load the page again."), { class: "bad" }));
    }
  });
  made.dataset.text = [promise.key, promise.title.zh, promise.title.en].join(" ").toLowerCase();
  return made;
}

// A source by the unit whose system it is, where its name says so.
function sourceName(source) {
  const unit = words && words.units[source.replace(/^\/units\//, "")];
  return [...(unit ? [titled(unit), " "] : []), element("code", source)];
}

function sampleOf(name, { source, events }) {
  const text = JSON.stringify(events, null, 1);
  const use = element("button", both("填入事件内容栏", "Put into the field"), { type: "button", class: "plain" });
  const copy = element("button", both("复制", "Copy"), { type: "button", class: "plain" });
  const note = element("span", "", { role: "status", class: "hint" });
  use.addEventListener("click", () => {
    at("events").value = text;
    at("events").focus();
  });
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(text);
      note.replaceChildren(both("已复制。", "Copied."));
    } catch {
      note.replaceChildren(both("无法自动复制，请选中文本后手动复制。", "It cannot be copied here: select the text."));
    }
  });
  return element("div", [
    element("h3", [
      both("示例：", "Sample: "), titled(name), both("；数据源：", "; source: "), ...sourceName(source),
    ]), element("div", [use, copy, note], { class: "buttons" }),
    element("pre", text, { tabindex: "0", role: "group", "aria-label": `${name.zh} ${name.en} ${source}` }),
  ]);
}

function search() {
  const wanted = at("search").value.trim().toLowerCase().split(/\s+/);
  let count = 0;
  for (const entry of at("promises").children) {
    entry.hidden = !wanted.every((word) => entry.dataset.text.includes(word));
    count += entry.hidden ? 0 : 1;
  }
  at("found").replaceChildren(both(`共${count}项。`, `${count} promises.`));
}

const ANSWERS = [
  ["202", "已全部接收", "all events are stored", "继续报送", "go on"],
  ["422", "所列事件被拒收，其余已接收", "those listed are refused, the others are stored", "更正后，仅重新报送被拒收的事件", "correct those and send only them again"],
  ["503", "暂时无法处理，不能确定事件是否已接收", "any event may be stored, or none", "按 Retry-After 所示时间等待后，原样重新报送", "send the same again after Retry-After"],
  ["429", "短时间内报送事件过多", "too many events in a short time", "按 Retry-After 所示时间等待后，原样重新报送", "send the same again after Retry-After"],
  ["401", "接口密钥无效", "the key is not good", "改用另一有效的接口密钥", "use the other key"],
  ["400、408、413、415", "整个请求无法处理", "the request as a whole cannot be handled", "更正请求后重新报送", "correct the request"],
];

function contract() {
  const fieldOf = (field) => element("span", [
    element(field.required ? "strong" : "span", element("code", field.name)), both(field.zh, ""), field.required ? both("（必填）", " (required)") : "", " ",
  ]);
  at("answers").append(table(both("响应", "Answers"), [both("状态码", "status"), both("含义", "meaning"), both("处理办法", "what to do")],
    ANSWERS.map(([code, zh, en, todo, does]) => cells(element("td", element("code", code)), both(zh, en), both(todo, does)))));
  at("envelope").append(element("p", words.envelope.map(fieldOf)));
  at("types").append(table(both("事件类型", "Event types"), [both("类型", "type"), both("名称", "name"), both("data 字段", "fields of data")],
    words.types.map((each) => cells(element("td", element("code", each.type)), both(each.zh, each.type), element("td", each.fields.map(fieldOf))))));
  at("reasons").append(table(both("拒收原因", "Reasons of refusals"), [both("代码", "code"), both("含义", "meaning")],
    words.reasons.map((each) => cells(element("td", element("code", each.code)), titled(each)))));
}

// ---- start ----------------------------------------------------------------------------------------------
function language(wanted) {
  const html = document.documentElement;
  html.dataset.language = wanted;
  html.lang = wanted;
  document.title = wanted === "zh" ? "报送测试" : "Try your events";
}

async function start() {
  language(navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en");
  at("language").addEventListener("click", () => language(document.documentElement.dataset.language === "zh" ? "en" : "zh"));
  const events = () => ({ method: "POST", body: batch(at("events").value) });
  at("validate").addEventListener("click", (click) => ask(click.currentTarget, "/validate", events(), validated));
  at("what-if").addEventListener("click", (click) => ask(click.currentTarget, "/what-if?accounts=true", events(), tried));
  at("look-up").addEventListener("click", (click) => ask(
    click.currentTarget, `/cases?subject=${encodeURIComponent(at("case").value.trim())}`, {}, looked,
  ));
  at("case").addEventListener("keydown", (press) => { if (press.key === "Enter") at("look-up").click(); });
  at("clear").addEventListener("click", () => { at("events").value = ""; at("events").focus(); });
  at("search").addEventListener("input", search);
  try {
    words = await (await fetch("/try/content", { credentials: "omit" })).json();
    at("plan").replaceChildren(titled(words.plan));
    at("promises").append(...words.promises.map(promiseEntry));
    search();
    contract();
  } catch {
    say(both("页面内容读取失败，请刷新页面。", "The content of the page could not be read. Load it again."), "bad");
  }
}

start();

"""The district at a glance, on one screen: how many promises stand where, which are worst, what changed, with whom."""

from dashboards import tables
from dashboards.frame import assemble
from dashboards.page import Json, Name, Page
from dashboards.panels import Figure, Frame, Panel, Place, Sizes, Together, stat
from dashboards.queries import how_many
from dashboards.states import Look, looks
from services.domain.results.published import State
from services.metric_names.recording_rules import RANKS, UNIT_RANK

_LARGE = (State.MISSED, State.AT_RISK, State.MET)
"""What everybody looks for first."""
_WORST = 10


def overview(page: Page) -> Json:
    """The first page: nothing here needs a choice, and nothing has to be scrolled at 1920 x 1080."""
    panels = [*_states(page), _worst(page), _changed(page), _cards(page)]
    return assemble(page, Name.OVERVIEW, page.say("1 全区概况", "1 District overview"), [], panels)


def _states(page: Page) -> list[Panel]:
    large = [RANKS[state] for state in _LARGE]
    by_rank = {look.rank: look for look in looks(page)}
    about = page.say(
        "全区各承诺在其正式统计期的状态。口径：各承诺各计一次。列为“仅监测”的承诺，方案未定数值，不作评价；"
        "列为“推进中或暂定”的，为期限未到或节假日安排未公布。",
        "The state of each promise in its official window. Computed: each promise counts once. “No target”: the plan "
        "prints no threshold, nothing is judged; “not due, provisional”: its date is to come, or no calendar yet.",
    )
    onward = ((page.say("全部承诺", "All promises"), page.link(Name.PROMISES)),)
    tiles = [
        stat(page, Frame("", Place(4, 6), about), [_count(by_rank[rank], onward)], Sizes(name=32, value=108))
        for rank in large
    ]
    others = tuple(_count(look, onward) for rank, look in by_rank.items() if rank not in large)
    return [
        *tiles,
        *(
            stat(page, Frame("", Place(6, 6), about), [Together(some)], Sizes(name=14, value=32))
            for some in (others[:4], others[4:])
        ),
    ]


def _count(look: Look, onward: tables.Links) -> Figure:
    """How many promises look so; a 0 is dimmed."""
    counted = how_many(f'{UNIT_RANK}{{unit="ALL"}} == {look.rank:g}')
    return Figure(look.text, counted, colour=look.colour, dimmed=True, links=onward)


def _worst(page: Page) -> Panel:
    about = page.say(
        "离目标最远的十项承诺：先未达标，后有风险，各以最远的在前。口径：占比按低于目标的百分点计，其他按超出限值的比例计；“剩余允许数”是目标还允许的"
        "超期或不符合的件数，负数为已超出的件数，均值等没有此数；“本月÷允许”为本月超期或不符合的件数÷目标允许的件数，目标不允许而已有的为“已超出”。"
        f"{page.red_card}为该承诺在各单位未解除的牌数。",
        "The ten promises that are farthest from their target: the missed first, then those at risk. Computed: "
        "shares by the points that "
        "are missing, others by how much of the limit they are above it; “misses left”: how many more the target "
        "allows, negative: so many are too many; a mean has none; “pace”: misses of the month per "
        "what is allowed; “exceeded”, too: none is, and there are some. "
        f"{page.red_card}: active ones of the promise, in all units.",
    )
    empty = page.say("没有未达到目标的承诺。", "every target is reached.")
    title = page.say("离目标最远的十项承诺", "Ten farthest from their target")
    return tables.worst(page, Frame(title, Place(16, 15), about, empty), _WORST)


def _changed(page: Page) -> Panel:
    about = page.say(
        "与系统时间今日零时相比，全区状态不同的承诺。口径：现在的状态与零时的状态不相同。",
        "Promises whose state in the district is another one than when the day of the plan's clock began. "
        "Computed: the "
        "state now is not that of midnight.",
    )
    return tables.changed(page, Frame(page.say("今日变化", "Changed today"), Place(8, 7, 16, 9), about))


def _cards(page: Page) -> Panel:
    about = page.say(
        f"未解除的{page.red_card}、{page.yellow_card}，多的在前。口径：承办单位名下未解除的牌数之和，各承诺分别计。",
        "Active cards, the most first. Computed: the sum over the promises of the cards of each unit that has to act.",
    )
    title = page.say(f"各单位{page.red_card}、{page.yellow_card}", "Cards by unit")
    return tables.cards(
        page, Frame(title, Place(8, 8, 16, 16), about, page.say("没有未解除的牌。", "no card is active."))
    )

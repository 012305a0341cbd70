"""On which line of a TOML file a key is, so that an error can be found: tomllib does not say."""

from collections.abc import Mapping

import tree_sitter_toml
from tree_sitter import Language, Node, Parser

from services.catalog.load.plan_folder import Place


def lines_of(text: str) -> Mapping[Place, int]:
    """The line (from 1) of each table, key and array element of a TOML text; tables of an array are numbered from 0.
    Of a text that is not TOML, those that could be made out."""
    tree = Parser(Language(tree_sitter_toml.language())).parse(text.encode())
    lines: dict[Place, int] = {}
    sizes: dict[Place, int] = {}
    for node in tree.root_node.named_children:
        if node.type == "pair":
            _pair(node, (), lines)
        elif node.type in ("table", "table_array_element"):
            header = node.named_children[0]
            place = _within(_keys(header), sizes, appends=node.type == "table_array_element")
            lines.setdefault(place, node.start_point.row + 1)
            for child in node.named_children[1:]:
                if child.type == "pair":
                    _pair(child, place, lines)
    return lines


def line_of(place: Place, lines: Mapping[Place, int]) -> int | None:
    """The line of a place, or of the nearest table around it."""
    while place and place not in lines:
        place = place[:-1]
    return lines.get(place)


def _pair(node: Node, place: Place, lines: dict[Place, int]) -> None:
    key, *values = (child for child in node.named_children if child.type not in ("comment", "ERROR"))
    here = (*place, *_keys(key))
    lines[here] = node.start_point.row + 1
    for value in values:  # one, unless the text is not TOML
        _value(value, here, lines)


def _value(node: Node, place: Place, lines: dict[Place, int]) -> None:
    if node.type == "inline_table":
        for child in node.named_children:
            if child.type == "pair":
                _pair(child, place, lines)
    elif node.type == "array":
        for index, child in enumerate(child for child in node.named_children if child.type != "comment"):
            lines[(*place, index)] = child.start_point.row + 1
            _value(child, (*place, index), lines)


def _keys(node: Node) -> Place:
    """`a."b c".d` as its three keys."""
    if node.type == "dotted_key":
        return tuple(key for child in node.named_children for key in _keys(child))
    return ((node.text or b"").decode().strip("\"'"),)


def _within(keys: Place, sizes: dict[Place, int], *, appends: bool) -> Place:
    """The place that a table's header names: inside an array of tables it means the last one."""
    place: Place = ()
    for depth, key in enumerate(keys):
        place = (*place, key)
        last = depth == len(keys) - 1
        if last and appends:
            sizes[place] = sizes.get(place, 0) + 1
        if place in sizes:
            place = (*place, sizes[place] - 1)
    return place

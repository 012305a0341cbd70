"""`python -m tests.complexity`: how complex the functions of the project are, and whether that is within its limits.

Cyclomatic complexity as radon counts it, of every function and method of services, streams and dashboards, closures
included. The limits are a ratchet: whoever makes the figures better lowers them, nobody raises them.
"""

import ast
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from radon.complexity import cc_visit

ROOT = Path(__file__).parents[1]
ROOMS = ("services", "streams", "dashboards")

COMPLEX = 10
"""A function above this number of independent paths is hard to test and to read."""


class Limits(NamedTuple):
    """What the whole must keep. Shares are in per cent of all functions."""

    above_complex: float = 0.7
    highest: int = 17
    many_parameters: float = 0.5
    longest: int = 60


class Measured(NamedTuple):
    """One function."""

    place: str
    complexity: int
    parameters: int
    lines: int


def measured(root: Path) -> Iterator[Measured]:
    """Every function under a folder."""
    for file in sorted(root.rglob("*.py")):
        source = file.read_text(encoding="utf-8")
        parameters = {
            node.lineno: _parameters(node)
            for node in ast.walk(ast.parse(source))
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        }
        waiting = [block for block in cc_visit(source) if block.letter != "C"]
        while waiting:
            block = waiting.pop()
            waiting += block.closures
            place = f"{file.relative_to(ROOT)}:{block.lineno} {block.name}"
            lines = block.endline - block.lineno + 1
            yield Measured(place, block.complexity, parameters.get(block.lineno, 0), lines)


def _parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """How many arguments a caller has to know: without `self` and `cls`."""
    given = [argument.arg for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
    return len(given) - (given[:1] in (["self"], ["cls"]))


def figures(functions: list[Measured]) -> Limits:
    """The figures that are limited."""
    return Limits(
        above_complex=100 * sum(each.complexity > COMPLEX for each in functions) / len(functions),
        highest=max(each.complexity for each in functions),
        many_parameters=100 * sum(each.parameters > 5 for each in functions) / len(functions),
        longest=max(each.lines for each in functions),
    )


def main() -> int:
    """Print the figures and the worst functions; 1 if a limit is exceeded."""
    functions = [each for room in ROOMS for each in measured(ROOT / room)]
    limits, found = Limits(), figures(functions)
    median = statistics.median(each.complexity for each in functions)
    print(f"{len(functions)} functions, median complexity {median:g}")
    for name, value, limit in zip(Limits._fields, found, limits, strict=True):
        print(f"  {name:16} {value:6.2f}  limit {limit:g}{'  EXCEEDED' if value > limit else ''}")
    for each in sorted(functions, key=lambda one: -one.complexity)[:10]:
        print(f"  {each.complexity:3} {each.place}")
    return int(any(value > limit for value, limit in zip(found, limits, strict=True)))


if __name__ == "__main__":
    sys.exit(main())

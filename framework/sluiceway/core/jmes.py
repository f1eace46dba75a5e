"""JMESPath as Sluiceway runs it: bounded, checked when it is compiled, exact with numbers.

The language and its evaluation are the jmespath library's (https://jmespath.org/specification.html). Added
are bounds that are counted before its recursive parser runs, and misused functions found at compile time
instead of with the first message.
"""

from __future__ import annotations

import difflib
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeAlias, cast

from jmespath.exceptions import JMESPathError, JMESPathTypeError, LexerError, ParseError
from jmespath.functions import TYPES_MAP
from jmespath.lexer import Lexer
from jmespath.parser import Parser

from sluiceway.core.errors import InvalidExpression, Reject
from sluiceway.core.functions.tables import NO_TABLES, Tables
from sluiceway.core.jmes_compile import compile_tree
from sluiceway.core.jmes_functions import SluicewayFunctions, arity, check_literals
from sluiceway.core.jmes_names import root_names
from sluiceway.core.jmes_work import TooMuchWork, Work
from sluiceway.core.json import JSON

MAX_BYTES = 4096
"""Length of an expression, in UTF-8."""
MAX_LEVELS = 64
"""Levels of nesting and chaining of an expression, and of a literal in it."""

Program: TypeAlias = Callable[[Mapping[str, object]], JSON]
"""A compiled expression: takes the view of a message, returns the value or raises `Reject`."""

_Node: TypeAlias = Mapping[str, Any]

_OPEN = {"lparen", "lbracket", "lbrace", "filter"}
_CLOSE = {"rparen", "rbracket", "rbrace"}
_IDENTIFIER = {"unquoted_identifier", "quoted_identifier"}
_CHAINING = {"dot", "flatten", "not"}  # brackets chain too, and are counted when they close
# `&` takes all operators to its right, so it spans operands as they do.
_SPANNING = {"pipe", "or", "and", "eq", "ne", "lt", "lte", "gt", "gte", "expref"}


class _Token(NamedTuple):
    type: str
    value: object
    start: int


_FUNCTIONS = SluicewayFunctions()


def compile_jmes(text: str, tables: Tables = NO_TABLES) -> Program:
    """Compile a JMESPath expression over the view of a message.

    Args:
        text: The expression.
        tables: What `lookup` may look up.

    Raises:
        InvalidExpression: Too long or too deep, a syntax error, an unknown function or table, a wrong number of
            arguments, a literal that a function does not take, or `&` where no function takes an expression.
    """
    functions = SluicewayFunctions(tables) if tables else _FUNCTIONS
    tokens = _tokenize(text)
    _refuse_depth(tokens)
    node = _parse(text)
    _check_functions(node, tokens, functions)
    return _path(tokens) or _search(text, node, tokens, functions)


def _tokenize(text: str) -> list[_Token]:
    if len(text.encode(errors="surrogatepass")) > MAX_BYTES:
        raise InvalidExpression(f"the expression is longer than {MAX_BYTES} bytes")
    if not text.strip():
        raise InvalidExpression("the expression is empty", 0)
    try:
        with warnings.catch_warnings():  # `text` for 'text' is deprecated, yet all over AWS's own pages
            warnings.simplefilter("ignore", PendingDeprecationWarning)
            tokens = [_Token(t["type"], t["value"], t["start"]) for t in Lexer().tokenize(text)]
    except LexerError as error:
        problem = error.message[0].lower() + error.message[1:]
        raise InvalidExpression(f"syntax error: {problem}", error.lexer_position) from None
    except RecursionError:  # of json.loads, which reads the literals
        raise InvalidExpression(f"a literal is nested deeper than {MAX_LEVELS} levels") from None
    for token in tokens:
        if token.type == "literal" and _levels(token.value) > MAX_LEVELS:
            raise InvalidExpression(f"the literal is nested deeper than {MAX_LEVELS} levels", token.start)
    return tokens


def _levels(value: object) -> int:
    levels, row = 0, [value]
    while row := [item for parent in row for item in _items(parent)]:
        levels += 1
    return levels


def _items(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return cast("dict[str, object]", value).values()
    return cast("list[object]", value) if isinstance(value, list) else ()


class _Bracket:
    """The levels inside one pair of brackets, up to the token read: never fewer than the parser will use."""

    def __init__(self, outside: int) -> None:
        self.outside = outside
        self.spanning = 0  # operators between operands: each may nest all that stands on one side of it
        self.operand = 0  # links of the operand being read
        self.deepest_operand = 0
        self.deepest_item = 0  # of the items before the last comma

    def levels(self) -> int:
        return max(self.deepest_item, self.spanning + max(self.deepest_operand, self.operand))

    def end_operand(self) -> None:
        self.spanning += 1
        self.deepest_operand = max(self.deepest_operand, self.operand)
        self.operand = 0

    def end_item(self) -> None:
        self.deepest_item = self.levels()
        self.spanning = self.operand = self.deepest_operand = 0


def _refuse_depth(tokens: Sequence[_Token]) -> None:
    """Bound the recursion of the parser and the interpreter, from the tokens alone."""
    open_brackets = [_Bracket(outside=0)]
    for token in tokens:
        here = open_brackets[-1]
        if token.type in _OPEN:
            open_brackets.append(_Bracket(here.outside + 1 + here.spanning + here.operand))
        elif token.type in _CLOSE and len(open_brackets) > 1:
            open_brackets.pop()
            open_brackets[-1].operand += 1 + here.levels()
        elif token.type in _CHAINING:
            here.operand += 1
        elif token.type in _SPANNING:
            here.end_operand()
        elif token.type == "comma":
            here.end_item()
        if open_brackets[-1].outside + open_brackets[-1].levels() > MAX_LEVELS:
            raise InvalidExpression(f"the expression is nested or chained over {MAX_LEVELS} levels", token.start)


def _parse(text: str) -> _Node:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PendingDeprecationWarning)
            return cast("_Node", Parser().parse(text).parsed)
    except ParseError as error:
        found = f"{error.token_value!r} is not expected here" if error.token_value else "it ends too early"
        raise InvalidExpression(f"syntax error: {found}", error.lex_position) from None
    except JMESPathError as error:
        raise InvalidExpression(f"syntax error: {error}") from None


def _check_functions(node: _Node, tokens: Sequence[_Token], functions: SluicewayFunctions) -> None:
    names: dict[object, list[int]] = {}
    for token, following in pairwise(tokens):
        if token.type == "unquoted_identifier" and following.type == "lparen":
            names.setdefault(token.value, []).append(token.start)
    references = iter([token.start for token in tokens if token.type == "expref"])
    allowed: set[int] = set()
    for part in _walk(node):
        if part["type"] == "function_expression":
            starts = names.get(part["value"])
            allowed |= _check_call(part, functions, starts.pop(0) if starts else None)
        elif part["type"] == "expref":
            start = next(references)
            if id(part) not in allowed:
                raise InvalidExpression("`&` may only stand where a function takes an expression", start)


def _walk(node: _Node) -> Iterator[_Node]:
    """Yield all nodes in the order of the text."""
    stack = [node]
    while stack:
        part = stack.pop()
        yield part
        # The children of a slice are its numbers.
        children: list[_Node] = part["children"] if part["type"] != "slice" else []
        if part["type"] == "filter_projection":  # the tree has the condition last
            children = [children[0], children[2], children[1]]
        stack.extend(reversed(children))


def _check_call(call: _Node, functions: SluicewayFunctions, start: int | None) -> set[int]:
    """Check one call and return the ids of the `&` arguments that the function takes."""
    name, arguments = str(call["value"]), call["children"]
    table: dict[str, dict[str, Any]] = functions.FUNCTION_TABLE
    if name not in table:
        near = difflib.get_close_matches(name, table, n=1)
        hint = f"did you mean {near[0]}()?" if near else f"there are {', '.join(sorted(table))}"
        raise InvalidExpression(f"there is no function {name}(): {hint}", start)
    takes = table[name]["signature"]
    least, most = arity(takes)
    if len(arguments) < least or (most is not None and len(arguments) > most):
        count = f"at least {least}" if most is None else f"{least}" if most == least else f"{least} to {most}"
        wanted = f"{count} argument{'' if count.endswith('1') else 's'}"
        raise InvalidExpression(f"{name}() takes {wanted}, not {len(arguments)}", start)
    try:
        check_literals(functions, name, arguments)
    except ValueError as error:
        raise InvalidExpression(_cause(error), start) from None
    return {id(a) for a, t in zip(arguments, takes, strict=False) if "expref" in t["types"]}


def _path(tokens: Sequence[_Token]) -> Program | None:
    """Compile `a.b.c` to plain look-ups, faster than the interpreter; None when it is anything else."""
    names, dots, end = tokens[:-1:2], tokens[1:-1:2], tokens[-1]
    if len(names) != len(dots) + 1 or end.type != "eof":
        return None
    if any(t.type not in _IDENTIFIER for t in names) or any(t.type != "dot" for t in dots):
        return None
    first, *rest = [str(token.value) for token in names]

    def follow(view: Mapping[str, object]) -> JSON:
        value: Any = view.get(first)
        for name in rest:
            if value is None:
                return None
            try:
                value = value.get(name)
            except AttributeError:  # not an object; the same duck typing as the library's
                return None
        return cast("JSON", value)

    return follow if rest else lambda view: _plain(view.get(first))


def _search(text: str, node: _Node, tokens: Sequence[_Token], functions: SluicewayFunctions) -> Program:
    step = compile_tree(node, functions)
    wanted = None if _reads_all(tokens) else root_names(text)

    def search(view: Mapping[str, object]) -> JSON:
        root = {name: _plain(view.get(name)) for name in (view if wanted is None else wanted)}
        try:
            return cast("JSON", step(root, Work()))
        except TooMuchWork as error:
            raise Reject(f"the expression `{text}` cannot be computed: {error}", error="oversize") from None
        except (ValueError, TypeError, ArithmeticError) as error:
            raise Reject(f"the expression `{text}` cannot be computed: {_cause(error)}") from error

    return search


def _reads_all(tokens: Sequence[_Token]) -> bool:
    """Tell whether the whole view may be read; if not, its body need not be parsed in vain."""
    for before, token, after in zip([tokens[0], *tokens], tokens, tokens[1:], strict=False):
        is_bound = before.type == "dot" or (before.type == "lbracket" and after.type == "rbracket")
        if token.type == "current" or (token.type == "star" and not is_bound):
            return True
    return False


def _plain(value: object) -> JSON:
    """Return a mapping as a dict, which is what the interpreter and the writer take for an object."""
    if not isinstance(value, (dict, list, str)) and isinstance(value, Mapping):  # the second takes long to tell
        return dict(cast("Mapping[str, JSON]", value))
    return cast("JSON", value)


def _cause(error: Exception) -> str:
    if isinstance(error, JMESPathTypeError):
        found = TYPES_MAP.get(error.actual_type, error.actual_type)
        return f"{error.function_name}() takes {' or '.join(error.expected_types)}, not {found}"
    return str(error)

"""Parameters as one types them, `text: str, urgent: bool = False`: they are parsed, and never run."""

from __future__ import annotations

import ast
import keyword
import math
import re
import warnings
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from macchiato_cli.errors import shown
from macchiato_cli.name_rules import to_snake
from macchiato_cli.parameters import Parameter
from macchiato_cli.reserved import GIVEN_TO_LISTENERS, MODEL_ATTRIBUTES

# So that each line of what is rendered fits, which tests/cli/test_signatures.py measures.
LONGEST_NAME = 30
LONGEST_TYPE_AND_DEFAULT = 60
MOST_PARAMETERS = 20
_LONGEST = 2000
_NAME = re.compile(r"[a-z][a-z0-9]*(?:_[a-z0-9]+)*")
_PLAIN_TYPES = ("str", "int", "float", "bool")
_TYPES = "str, int, float, bool, list[T], dict[str, T] and T | None"
# What ruff takes for a secret (S107), and people do too.
_SECRET = re.compile(r"(^|_)(pas+wo?r?d|pass(phrase)?|pwd|token|secrete?)(_|$)")
# What JavaScript can count to.
_LARGEST_INT = 2**53 - 1


@dataclass(frozen=True)
class Reading:
    """What was typed between the parentheses: how it will do, and why it does not."""

    parameters: tuple[Parameter, ...]
    reason: str | None


def read_signature(text: str, *, taken: Collection[str] = (), any_name: bool = False) -> Reading:
    """The parameters in a text.

    Args:
        taken: Names that the listener needs for something else.
        any_name: A record may have names that were not reserved when it was written.
    """
    if not text.isprintable() or len(text) > _LONGEST:
        limits = f"its parameters must be printable, and {_LONGEST} characters at most"
        return Reading((Parameter("text", "str"),), limits)
    found: list[Parameter] = []
    reasons: list[str] = []
    for piece in _pieces(text):
        names = {each.name for each in found}
        parameter, reason = _read(piece, names, {*taken}, any_name=any_name)
        if reason is None and parameter is not None:
            reason = _misplaced(parameter, found)
        if parameter is not None and (not parameter.rest or not any(each.rest for each in found)):
            found.append(parameter)
        reasons += [reason] if reason else []
    if len(found) > MOST_PARAMETERS:
        reasons.append(f"it has {len(found)} parameters, and {MOST_PARAMETERS} are the limit")
    # Where all is well, this is the order already.
    found.sort(key=lambda each: (each.rest, each.default is not None))
    return Reading(tuple(found[:MOST_PARAMETERS]), reasons[0] if reasons else None)


def _pieces(text: str) -> Iterator[str]:
    """What is between the commas that are in no brackets and no quotes."""
    depth, quote, piece, escaped = 0, "", "", False
    for character in text:
        if character == "," and not depth and not quote:
            yield piece.strip()
            piece = ""
            continue
        piece += character
        if escaped or (quote and character not in (quote, "\\")):
            escaped = False
        elif character == "\\":
            escaped = True
        elif character in "\"'":
            quote = "" if quote else character
        else:
            depth += (character in "([{") - (character in ")]}")
    if piece.strip():
        yield piece.strip()


def _misplaced(parameter: Parameter, before: list[Parameter]) -> str | None:
    if rest := [each.name for each in before if each.rest]:
        return f"*{rest[0]} takes all that follows, so it must be the last one"
    if not parameter.rest and parameter.default is None and any(each.default for each in before):
        return f"{parameter.name} has no default, and comes after one that has"
    return None


def _read(
    piece: str, others: set[str], taken: set[str], *, any_name: bool
) -> tuple[Parameter | None, str | None]:
    """The parameter, made to do where it does not, and why it does not."""
    if piece in ("*", "/") or piece.startswith("**"):
        return None, f"clients send a list of arguments, which {shown(piece)} is not for"
    name = (re.match(r"\*?\s*(\w*)", piece) or [piece, ""])[1]
    why_not_name = _why_not_name(name, others, taken, any_name=any_name)
    right_name = _right_name(name, others | taken) if why_not_name else name
    if why_not_name and keyword.iskeyword(name):
        # Python would not read any of it.
        piece = piece.replace(name, "x", 1)
    argument = _parsed(piece)
    if argument is None:
        no_parameter = f"{shown(piece)} is not a parameter, such as text: str"
        return Parameter(right_name, "str") if right_name else None, why_not_name or no_parameter
    node, default, is_rest = argument
    type_ = None if node.annotation is None else _type(node.annotation)
    right_type = type_ or "str"
    value, why_not_default = (None, None) if default is None else _default(name, right_type, default)
    reason = why_not_name
    if reason is None and node.annotation is None:
        reason = f"{name} has no type: {_TYPES} are the types"
    if reason is None and type_ is None and node.annotation is not None:
        typed = shown(ast.unparse(node.annotation))
        reason = f"{typed} is not a type that {name} can have: {_TYPES} are the types"
    reason = reason or why_not_default
    length = len(right_type) + len(value or "")
    if length > LONGEST_TYPE_AND_DEFAULT:
        limit = f"{length} characters, and {LONGEST_TYPE_AND_DEFAULT} are the limit"
        reason, right_type, value = reason or f"the type and the default of {name} have {limit}", "str", None
    return Parameter(right_name, right_type, value, is_rest) if right_name else None, reason


# What is longer is no parameter, and may be nested deeper than Python reads.
_LONGEST_PIECE = 300


def _parsed(piece: str) -> tuple[ast.arg, ast.expr | None, bool] | None:
    """The parameter that a text is, its default, and whether it has a star; None for anything else."""
    if len(piece) > _LONGEST_PIECE:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            body = ast.parse(f"def _({piece}): ...").body
        except (SyntaxError, ValueError, RecursionError, MemoryError, Warning):
            return None
    if len(body) != 1 or not isinstance(definition := body[0], ast.FunctionDef) or definition.returns:
        return None
    if len(definition.body) != 1 or ast.unparse(definition.body[0]) != "...":
        return None
    given = definition.args
    if [len(given.args), given.vararg] == [1, None] and not given.kwonlyargs:
        return given.args[0], next(iter(given.defaults), None), False
    return (given.vararg, None, True) if given.vararg and not given.args else None


def _why_not_name(name: str, others: set[str], taken: set[str], *, any_name: bool) -> str | None:
    if keyword.iskeyword(name):
        return f"{shown(name)} is a Python keyword"
    if not _NAME.fullmatch(name):
        return f"{shown(name)} is not a parameter's name: lower case, with _ between words"
    if name in others:
        return f"{shown(name)} is there twice"
    if any_name:
        return None
    if len(name) > LONGEST_NAME:
        return f"{shown(name)} has {len(name)} characters, and {LONGEST_NAME} are the limit"
    if name in GIVEN_TO_LISTENERS:
        return f"every listener is given {shown(name)} already"
    if name == "user_name":
        return f"{shown(name)} is what the others hear the sender's name as"
    if name in taken | {"self", "cls"} | {*_PLAIN_TYPES, "list", "dict"}:
        return f"{shown(name)} has a meaning of its own in the listener"
    if name in MODEL_ATTRIBUTES or name.startswith("model_"):
        return f"pydantic's models have {shown(name)} of their own"
    return f"{shown(name)} looks like a digit" if name == "l" else None


def _right_name(name: str, others: set[str]) -> str | None:
    words = "_".join(re.findall(r"[a-z0-9]+", to_snake(name)))
    candidates = [words, words[:LONGEST_NAME].rstrip("_"), f"the_{words}"[:LONGEST_NAME].rstrip("_"), "text"]
    usable = (each for each in candidates if _why_not_name(each, others, set(), any_name=False) is None)
    return next(usable, None)


def _type(node: ast.expr) -> str | None:
    """The type as one writes it, None for what is none of those that there are."""
    if isinstance(node, ast.Name):
        return node.id if node.id in _PLAIN_TYPES else None
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
        sides = [node.left, node.right]
        others = [side for side in sides if not (isinstance(side, ast.Constant) and side.value is None)]
        of = _type(others[0]) if len(others) == 1 else None
        return of and f"{of.removesuffix(' | None')} | None"
    if not isinstance(node, ast.Subscript) or not isinstance(node.value, ast.Name):
        return None
    if node.value.id == "list":
        of = _type(node.slice)
        return of and f"list[{of}]"
    if node.value.id != "dict" or not isinstance(node.slice, ast.Tuple) or len(node.slice.elts) != 2:
        return None
    key, value = (_type(each) for each in node.slice.elts)
    return f"dict[str, {value}]" if key == "str" and value else None


def _default(name: str, type_: str, node: ast.expr) -> tuple[str | None, str | None]:
    """The default as the formatter writes it, or why it cannot be that."""
    typed = shown(ast.unparse(node))
    try:
        value = ast.literal_eval(node)
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        return None, f"{typed}, the default of {name}, is not a literal"
    of = type_.removesuffix(" | None")
    if value is None and of != type_:
        return "None", None
    if isinstance(value, list | dict):
        return None, f"{typed}, the default of {name}, would be shared by all: {of} | None = None is not"
    if isinstance(value, str) and of == "str":
        if _SECRET.search(name) and value:
            return None, f"{name} sounds like a secret, so it has no default in code"
        return _quoted(value), None
    if isinstance(value, bool):
        fits = of == "bool"
    elif isinstance(value, int):
        fits = of in ("int", "float") and abs(value) <= _LARGEST_INT
    else:
        fits = isinstance(value, float) and of == "float" and math.isfinite(value)
    return (repr(value), None) if fits else (None, f"{typed}, the default of {name}, is not of type {type_}")


def _quoted(text: str) -> str:
    """The text in the quotes that the formatter chooses; what may look like something else is escaped."""
    quote = "'" if text.count('"') > text.count("'") else '"'
    return quote + text.encode("unicode_escape").decode().replace(quote, f"\\{quote}") + quote

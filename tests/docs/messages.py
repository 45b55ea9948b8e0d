"""The program's error messages, read from its syntax tree: their fixed words, with a hole where a value stands."""

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Any

from stackctl import errors
from stackctl.contracts.cause import Cause
from stackctl.contracts.signature import Signature
from stackctl.core.gpu.refusals import Refusal
from tests.docs.prose import ROOT

HOLE = "\0"
_PROGRAM = ROOT / "stackctl"
_FEW = 8  # letters; a message with fewer of its own is made of another one's words
_MOST = 24  # forms of one message


@dataclass(frozen=True, kw_only=True)
class Message:
    """One message, in one of its forms."""

    exit_code: int
    text: str  # with a HOLE for each value
    hint: str
    marks: tuple[str, ...] = ()  # pieces of the log line that lead to a cause
    file: str = ""  # below stackctl/

    @property
    def shown(self) -> str:
        """The text as a page has it."""
        return " ".join(self.text.replace(HOLE, "...").split())

    @property
    def advice(self) -> str:
        """The hint as a page has it; "" where it has no fixed words."""
        return (
            re.sub(r"(?<!\.)\.$|(?<=\.{3})\.$", "", self.hint.replace(HOLE, "...").strip())
            if _has_words(self.hint)
            else ""
        )


def raised(*classes: type[errors.StackctlError]) -> list[Message]:
    """Every message with which the program makes an error of these classes, or of theirs."""
    wanted = {one.__name__ for parent in classes for one in (parent, *parent.__subclasses__())}
    found = []
    for module in _modules().values():
        for name in sorted(wanted & module.calls.keys()):
            for call in module.calls[name]:
                hint = next((keyword.value for keyword in call.keywords if keyword.arg == "hint"), None)
                found += list(_of(module, getattr(errors, name).exit_code, call.args[0], hint)) if call.args else []
    return found


def causes() -> list[Message]:
    """Every cause that a service's log or end is given, in the order of the files."""
    found = []
    for module in _modules().values():
        for call in module.calls.get(Cause.__name__, ()):
            said = {keyword.arg: keyword.value for keyword in call.keywords}
            if says := said.get("says"):
                forms = _of(module, _exit_code(said.get("kind")), says, said.get("hint"), _marks(module, call))
                found += [replace(one, text=re.sub(r"\{\d\}", HOLE, one.text)) for one in forms]
    return found


def table(file: str) -> list[Message]:
    """The rows (pattern, class of error, message, hint) of a module's table, or its refusals of a GPU."""
    module = _modules()[file]
    found = []
    for call in module.calls.get(Refusal.__name__, ()):
        pattern, says, hint = call.args[:3]
        if isinstance(pattern, ast.Constant) and pattern.value:
            found += list(_of(module, errors.GpuError.exit_code, says, hint, (str(pattern.value),)))
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Tuple) and len(node.elts) == 5:
            pattern, error, says, hint, _issue = node.elts
            if isinstance(pattern, ast.Constant) and isinstance(error, ast.Name):
                found += list(_of(module, getattr(errors, error.id).exit_code, says, hint, (str(pattern.value),)))
    return found


def has_entry(text: str, quotes: Iterable[str]) -> bool:
    """Whether one of these quotes, long enough to tell, is this message."""
    return any(_has_words(quote) and holds(text, quote) for quote in quotes)


def holds(text: str, quote: str) -> bool:
    """Whether a line of the text has a quote: its pieces, which `...` divides, stand there one after the other."""
    pieces = [re.escape(piece.strip(" ,")) for piece in quote.split("...") if piece]
    return bool(re.search(".*".join(pieces), text))


@dataclass(frozen=True, kw_only=True, eq=False)
class _Module:
    """One file of the program, with ways from a node up to its function and from a name to what calls it."""

    file: str
    tree: ast.Module
    above: dict[ast.AST, ast.AST]
    calls: dict[str, list[ast.Call]]
    constants: dict[str, ast.expr]  # name -> what the module assigns to it

    def functions(self, node: ast.AST) -> Iterator[ast.FunctionDef]:
        """The functions around a node, the inner one first."""
        while up := self.above.get(node):
            node = up
            if isinstance(node, ast.FunctionDef):
                yield node


@cache
def _modules() -> dict[str, _Module]:
    found = {}
    for path in sorted(_PROGRAM.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        above: dict[ast.AST, ast.AST] = {}
        calls: dict[str, list[ast.Call]] = {}
        for node in ast.walk(tree):
            above |= dict.fromkeys(ast.iter_child_nodes(node), node)
            if isinstance(node, ast.Call):
                calls.setdefault(_name(node), []).append(node)
        constants = {name: value for node in tree.body for name, value in _assigned(node)}
        file = str(path.relative_to(_PROGRAM))
        found[file] = _Module(file=file, tree=tree, above=above, calls=calls, constants=constants)
    return found


def _name(call: ast.Call) -> str:
    return call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")


def _assigned(node: ast.AST) -> Iterator[tuple[str, ast.expr]]:
    """(name, value) of an assignment."""
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    value = getattr(node, "value", None)
    if isinstance(node, ast.Assign | ast.AnnAssign) and value is not None:
        yield from ((target.id, value) for target in targets if isinstance(target, ast.Name))


def _exit_code(kind: ast.expr | None) -> int:
    """The exit code of a cause, by its `kind=`."""
    given: dict[str, Any] = {"kind": kind.value} if isinstance(kind, ast.Constant) else {}
    return Cause(says="", hint="", **given).error("").exit_code


def _of(
    module: _Module, exit_code: int, message: ast.expr, hint: ast.expr | None, marks: tuple[str, ...] = ()
) -> Iterator[Message]:
    said = _forms(module, message)
    if not any(map(_has_words, said)):
        said = _forms(module, message, from_callers=True)
    shown = _forms(module, hint)[0] if hint else ""
    for text in dict.fromkeys(filter(_has_words, said)):
        yield Message(exit_code=exit_code, text=text, hint=shown, marks=marks, file=module.file)


def _has_words(text: str) -> bool:
    return len(re.findall(r"\w", text)) >= _FEW


def _forms(module: _Module, node: ast.expr, *, from_callers: bool = False) -> list[str]:
    """What an expression may become, as far as its words are known."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return [node.value]
    if isinstance(node, ast.JoinedStr):
        return _joined([_forms(module, part, from_callers=from_callers) for part in node.values])
    if isinstance(node, ast.FormattedValue) and isinstance(node.value, ast.Name):
        return _forms(module, node.value, from_callers=from_callers)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _joined([_forms(module, one, from_callers=from_callers) for one in (node.left, node.right)])
    if isinstance(node, ast.IfExp):
        return [form for one in (node.body, node.orelse) for form in _forms(module, one, from_callers=from_callers)]
    if isinstance(node, ast.Name):
        if own := _values(module, node):
            return [form for one in own for form in _forms(module, one, from_callers=from_callers)]
        if from_callers and (given := list(_given(module, node))):
            return [form for other, value in given for form in _forms(other, value)]
    return [HOLE]


def _joined(parts: Sequence[list[str]]) -> list[str]:
    return ["".join(form) for form in list(product(*parts))[:_MOST]]


def _values(module: _Module, name: ast.Name) -> list[ast.expr]:
    """What a name stands for: what was assigned before it, nearest block first; else a constant of some module."""
    statement: ast.AST = name
    while (up := module.above.get(statement)) and not isinstance(statement, ast.FunctionDef):
        for block in (getattr(up, field, None) for field in ("body", "orelse", "finalbody")):
            if not isinstance(block, list) or statement not in block:
                continue
            before = block[: block.index(statement)]
            direct = [value for one in before for target, value in _assigned(one) if target == name.id]
            nested = [v for one in before for node in ast.walk(one) for t, v in _assigned(node) if t == name.id]
            if direct or nested:
                return direct[-1:] or nested
        statement = up
    if name.id in module.constants:
        return [module.constants[name.id]]
    others = [one.constants[name.id] for one in _modules().values() if name.id in one.constants]
    return others if len(others) == 1 and name.id.isupper() else []


def _given(module: _Module, name: ast.Name) -> Iterator[tuple[_Module, ast.expr]]:
    """What callers in the program give for the parameter that a name is, and its default."""
    for function in module.functions(name):
        args = function.args
        names = [one.arg for one in (*args.args, *args.kwonlyargs)]
        if name.id not in names:
            continue
        yield from ((module, one) for one in _default(args, name.id))
        at = names.index(name.id) - (names[0] == "self")
        is_local = function.name.startswith("_") or any(module.functions(function))
        for other in [module] if is_local else _modules().values():
            for call in other.calls.get(function.name, ()):
                yield from ((other, one.value) for one in call.keywords if one.arg == name.id)
                yield from ((other, one) for one in call.args[at : at + 1])
        return


def _default(args: ast.arguments, name: str) -> Iterator[ast.expr]:
    pairs = [*zip(reversed(args.args), reversed(args.defaults), strict=False)]
    pairs += [(one, value) for one, value in zip(args.kwonlyargs, args.kw_defaults, strict=True) if value]
    yield from (value for one, value in pairs if one.arg == name)


@cache
def _signed() -> list[tuple[tuple[str, ...], ast.Call | str | None]]:
    """The marks of every Signature, and its cause: a call, or the name of a constant that is one."""
    found: list[tuple[tuple[str, ...], ast.Call | str | None]] = []
    for module in _modules().values():
        for call in module.calls.get(Signature.__name__, ()):
            given = {keyword.arg: keyword.value for keyword in call.keywords}
            cause, marks = given.get("cause"), given.get("marks")
            if isinstance(marks, ast.Tuple):
                said = tuple(str(one.value) for one in marks.elts if isinstance(one, ast.Constant))
                named = cause.id if isinstance(cause, ast.Name) else None
                found.append((said, cause if isinstance(cause, ast.Call) else named))
    return found


def _marks(module: _Module, call: ast.Call) -> tuple[str, ...]:
    """The pieces of a log line by which a cause is found: beside it in a table, or in the `if` that it stands in."""
    names = {name for name, value in module.constants.items() if value is call}
    found = [mark for name, cause in _signed() if cause is call or cause in names for mark in name]
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Tuple) and len(node.elts) == 2 and isinstance(node.elts[0], ast.Constant):
            is_this = node.elts[1] is call or (isinstance(node.elts[1], ast.Name) and node.elts[1].id in names)
            found += [str(node.elts[0].value)] if is_this else []
        if isinstance(node, ast.If) and any(part is call for one in node.body for part in ast.walk(one)):
            tests = [part.left for part in ast.walk(node.test) if isinstance(part, ast.Compare)]
            found += [one.value for one in tests if isinstance(one, ast.Constant) and isinstance(one.value, str)]
    return tuple(dict.fromkeys(found))

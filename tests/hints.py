"""Every hint that the program can show, read from its syntax tree.

A hint is what is given as `hint=` (or to a parameter whose name ends so), or assigned to an error's `.hint`. From there
its text is followed back: through variables, parameters, tables, constants of other modules and what functions return.
Where the text can't be followed, `Hint.lost` says where: a hint that nobody can read here is a fault, too.
"""

import ast
import operator
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, reduce
from itertools import chain
from pathlib import Path

_Way = tuple[int | None, ...]
Function = ast.FunctionDef | ast.AsyncFunctionDef
_FEW = 3  # a method or field of a name that more have (`name`, `path`) is a value, and no text of ours
_SAME = {"strip", "rstrip", "lstrip", "replace", "format", "removesuffix", "values"}


@dataclass(frozen=True, kw_only=True)
class Hint:
    """One place that gives a hint. heads: all texts that it may begin with, holes cut off; pieces: all text in it."""

    module: str
    line: int
    heads: frozenset[str]
    pieces: frozenset[str]
    lost: tuple[str, ...]


@dataclass
class _Text:
    heads: set[str] = field(default_factory=set)
    pieces: set[str] = field(default_factory=set)
    lost: set[str] = field(default_factory=set)

    def __or__(self, other: "_Text") -> "_Text":
        return _Text(self.heads | other.heads, self.pieces | other.pieces, self.lost | other.lost)


class Source:
    """The modules of a program: dotted name -> its text."""

    def __init__(self, modules: Mapping[str, str]) -> None:
        self.trees = {name: ast.parse(text) for name, text in modules.items()}
        self.parents = {
            child: node
            for tree in self.trees.values()
            for node in ast.walk(tree)
            for child in ast.iter_child_nodes(node)
        }
        self.module_of = {node: name for name, tree in self.trees.items() for node in ast.walk(tree)}
        self._seen: set[tuple[ast.AST, _Way]] = set()

    @classmethod
    def of(cls, *folders: Path) -> "Source":
        """Read every .py file of these folders; their names begin with the folder's own."""
        return cls(
            {
                ".".join(path.relative_to(folder.parent).with_suffix("").parts).removesuffix(
                    ".__init__"
                ): path.read_text(encoding="utf-8")
                for folder in folders
                for path in sorted(folder.rglob("*.py"))
            }
        )

    # -- where hints are given

    def hints(self) -> Iterator[Hint]:
        for node in self.module_of:
            for given in _given(node):
                self._seen.clear()
                text = self._follow(given)
                yield Hint(
                    module=self.module_of[node],
                    line=given.lineno,
                    heads=frozenset(text.heads),
                    pieces=frozenset(text.pieces),
                    lost=tuple(sorted(text.lost)),
                )

    # -- what an expression says

    def _follow(self, node: ast.AST | None, path: _Way = ()) -> _Text:
        """path: which element is meant, where the expression gives tuples, lists or tables; None for any."""
        if node is None or (node, path) in self._seen:
            return _Text()
        self._seen.add((node, path))
        for step in (self._literal, self._inner, self._combined, self._builtin):
            found = step(node, path)
            if found is not None:
                return found
        match node:
            case ast.Call():
                return self._called(node, path)
            case ast.Name():
                return self._named(node, path)
            case ast.Attribute():
                return self._attribute(node, path)
        return self._lose(node)

    def _literal(self, node: ast.AST, path: _Way) -> _Text | None:
        match node:
            case ast.Constant(value=str(text)):
                return _Text({text}, {text})
            case ast.Constant(value=None):
                return _Text({""})
            case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
                return self._element(elements, path)
            case ast.Dict(values=values):
                return self._any(values, path[1:])
            case ast.JoinedStr(values=parts):
                return self._joined(parts)
        return None

    def _inner(self, node: ast.AST, path: _Way) -> _Text | None:
        """What an expression gives that only wraps another one."""
        match node:
            case ast.FormattedValue(value=value) | ast.Await(value=value) | ast.NamedExpr(value=value):
                return self._follow(value, path)
            case ast.Starred(value=value):
                return self._follow(value, (None, *path))
            case ast.Subscript(value=value, slice=ast.Slice()):
                return self._follow(value, path)
            case ast.Subscript(value=value, slice=ast.Constant(value=int(place))):
                return self._follow(value, (place, *path))
            case ast.Subscript(value=value):
                return self._follow(value, (None, *path))
            case ast.ListComp(elt=made) | ast.GeneratorExp(elt=made) | ast.SetComp(elt=made) | ast.DictComp(value=made):
                return self._follow(made, path[1:])
        return None

    def _combined(self, node: ast.AST, path: _Way) -> _Text | None:
        match node:
            case ast.BinOp(left=left, op=ast.Add(), right=right) if not path:
                return self._joined([left, right])
            case ast.BinOp(left=left, op=ast.Add() | ast.BitOr(), right=right):
                return self._any([left, right], path)
            case ast.IfExp(body=body, orelse=orelse):
                return self._any([body, orelse], path)
            case ast.BoolOp(op=ast.Or(), values=values):
                return self._any(values, path)
            case ast.BoolOp(values=values):
                return _Text({""}) | self._follow(values[-1], path)
        return None

    def _any(self, nodes: Iterable[ast.AST | None], path: _Way = ()) -> _Text:
        found = _Text()
        for node in nodes:
            found |= self._follow(node, path)
        return found

    def _element(self, elements: list[ast.expr], path: _Way) -> _Text:
        first, rest = (path[0], path[1:]) if path else (None, ())
        if first is None or any(isinstance(one, ast.Starred) for one in elements):
            return self._any(elements, rest)
        return self._follow(elements[first], rest) if -len(elements) <= first < len(elements) else _Text()

    def _joined(self, parts: list[ast.expr]) -> _Text:
        """The first part that says anything is the head; what can't be followed behind it is a value, and no matter."""
        whole = _Text({""})
        for part in parts:
            if "" in whole.heads:
                text = self._follow(part)
                whole = _Text(whole.heads - {""} | text.heads, whole.pieces | text.pieces, whole.lost | text.lost)
            else:
                whole.pieces |= set(self._nearby(part))
        return whole

    def _nearby(self, node: ast.AST) -> Iterator[str]:
        """The texts in an expression, and in the constants and variables that it names."""
        for one in ast.walk(node):
            bound = self._lookup(one) if isinstance(one, ast.Name) and (one, (-1,)) not in self._seen else None
            if isinstance(one, ast.Constant) and isinstance(one.value, str):
                yield one.value
            elif isinstance(bound, list):
                self._seen.add((one, (-1,)))
                for _, value in chain.from_iterable(map(_assignments, bound)):
                    yield from self._nearby(value)

    def _lose(self, node: ast.AST) -> _Text:
        return _Text(lost={f"{self.module_of[node]}:{getattr(node, 'lineno', 0)}: {ast.unparse(node)[:80]}"})

    # -- calls

    def _builtin(self, node: ast.AST, path: _Way) -> _Text | None:
        """What a call of Python's own gives, by what it is given."""
        match node:
            case ast.Call(func=ast.Attribute(value=value, attr="get" | "setdefault"), args=[_, *other]):
                return self._follow(value, (None, *path)) | self._any(other, path)
            case ast.Call(func=ast.Attribute(attr="join"), args=[parts]):
                return self._follow(parts, (None,))
            case ast.Call(func=ast.Attribute(value=value, attr="items")):
                return self._follow(value, (None, *path[2:]))
            case ast.Call(func=ast.Attribute(value=value, attr=name)) if name in _SAME:
                return self._follow(value, path)
            case ast.Call(func=ast.Name(id="next" | "max" | "min"), args=[parts, *other]):
                return self._follow(parts, (None, *path)) | self._any(other, path)
            case (
                ast.Call(func=ast.Name(id="filter"), args=[_, parts])
                | ast.Call(
                    func=ast.Name(id="sorted" | "tuple" | "list" | "reversed" | "set") | ast.Attribute(attr="fromkeys"),
                    args=[parts, *_],
                )
            ):
                return self._follow(parts, path)
        return None

    def _called(self, node: ast.Call, path: _Way) -> _Text:
        name = _called_name(node)
        found = [
            self._follow(value, path[1:] if is_each else path)
            for function in (self._functions(node, name) if name else [])
            for value, is_each in _returned(function)
        ]
        return reduce(operator.or_, found) if found else self._lose(node)

    def _functions(self, node: ast.Call, name: str) -> list[Function]:
        """The functions that a call may mean: of its own module first, else of the module that the name comes from."""
        every = self._by_name[name]
        here = [one for one in every if self.module_of[one] == self.module_of[node]]
        if isinstance(node.func, ast.Name):
            origin = self._imports[self.module_of[node]].get(name, "")
            return here or [one for one in every if f"{self.module_of[one]}.{one.name}" == origin]
        if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            origin = self._imports[self.module_of[node]].get(node.func.value.id, "")
            of_module = [one for one in every if self.module_of[one] == origin]
            if of_module:
                return of_module
        return every if len(every) <= _FEW else []

    # -- names

    def _named(self, node: ast.Name, path: _Way) -> _Text:
        found = self._lookup(node)
        if isinstance(found, ast.arg):
            return self._parameter(found, path)
        if isinstance(found, list):
            return self._bound(found, node.id, path)
        return self._lose(node)

    def _lookup(self, node: ast.Name) -> ast.arg | list[ast.AST] | None:
        """What binds a name: a parameter, or the statements of the nearest scope; a constant of another module, too."""
        scope: ast.AST | None = node
        while scope := self.parents.get(scope) if scope else None:
            if isinstance(scope, Function | ast.Lambda | ast.Module):
                binding = [one for one in self._bindings[scope] if node.id in _targets(one)]
                if binding:
                    return binding
                if not isinstance(scope, ast.Module):
                    for arg in _arguments(scope):
                        if arg.arg == node.id:
                            return arg
        origin = self._imports[self.module_of[node]].get(node.id, "")
        return self._constant(origin)

    def _constant(self, dotted: str) -> list[ast.AST] | None:
        module, _, name = dotted.rpartition(".")
        if module not in self.trees:
            return None
        binding = [one for one in self._bindings[self.trees[module]] if name in _targets(one)]
        if binding:
            return binding
        again = self._imports[module].get(name, "")
        return self._constant(again) if again and again != dotted else None

    def _bound(self, statements: list[ast.AST], name: str, path: _Way) -> _Text:
        found = _Text()
        for one in statements:
            for target, value in _assignments(one):
                place = _place(target, name)
                if place is not None:
                    each = (None,) if isinstance(one, ast.For | ast.comprehension) else ()
                    found |= self._follow(value, (*each, *place, *path))
        return found

    def _parameter(self, arg: ast.arg, path: _Way) -> _Text:
        """All that is given for a parameter, by every call of a function of this name."""
        function = next(one for one in self._above(arg) if isinstance(one, Function | ast.Lambda))
        if isinstance(function, ast.Lambda):
            return self._lose(arg)
        names = [one.arg for one in _arguments(function) if one.arg not in {"self", "cls"}]
        found, given = self._follow(_defaults(function).get(arg.arg), path), False
        for call in self._calls[self._callable(function)]:
            if function not in self._functions(call, function.name) and function.name != "__init__":
                continue
            for keyword in call.keywords:
                if keyword.arg == arg.arg:
                    found, given = found | self._follow(keyword.value, path), True
            place = names.index(arg.arg)
            if place < len(call.args) and not any(isinstance(one, ast.Starred) for one in call.args):
                found, given = found | self._follow(call.args[place], path), True
        return found if given or found.heads or arg.arg.endswith("hint") else self._lose(arg)

    def _callable(self, function: Function) -> str:
        """The name by which a function is called: that of its class for __init__."""
        if function.name == "__init__":
            return next(one.name for one in self._above(function) if isinstance(one, ast.ClassDef))
        return function.name

    def _above(self, node: ast.AST) -> Iterator[ast.AST]:
        while above := self.parents.get(node):
            yield (node := above)

    def _attribute(self, node: ast.Attribute, path: _Way) -> _Text:
        """`.hint` is one that was given before; a constant of a module; else a field: all that its class is given."""
        if node.attr.endswith("hint"):
            return _Text()
        if isinstance(node.value, ast.Name):
            origin = self._imports[self.module_of[node]].get(node.value.id, "")
            constant = self._constant(f"{origin}.{node.attr}")
            if constant:
                return self._bound(constant, node.attr, path)
        found = _Text()
        if len(self._fields[node.attr]) <= _FEW:
            for value in self._values_of(node.attr):
                found |= self._follow(value, path)
        return found if found.heads or found.lost else self._lose(node)

    def _values_of(self, name: str) -> Iterator[ast.expr]:
        """All that a property or field of this name may be."""
        for function in self._by_name[name]:
            if any(ast.unparse(one) in {"property", "cached_property"} for one in function.decorator_list):
                yield from (value for value, _ in _returned(function))
        for owner, place in self._fields[name]:
            for call in self._calls[owner]:
                yield from call.args[place : place + 1]
                yield from (one.value for one in call.keywords if one.arg == name)
        yield from self._set_on_self[name]

    # -- indexes

    @cached_property
    def _by_name(self) -> dict[str, list[Function]]:
        found = defaultdict(list)
        for node in self.module_of:
            if isinstance(node, Function):
                found[node.name].append(node)
        return found

    @cached_property
    def _calls(self) -> dict[str, list[ast.Call]]:
        found = defaultdict(list)
        for node in self.module_of:
            if isinstance(node, ast.Call):
                found[_called_name(node)].append(node)
        return found

    @cached_property
    def _fields(self) -> dict[str, list[tuple[str, int]]]:
        """Name of a field -> the classes that declare it, and its place among their fields."""
        found = defaultdict(list)
        for node in self.module_of:
            if isinstance(node, ast.ClassDef):
                names = [
                    one.target.id
                    for one in node.body
                    if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
                ]
                for place, name in enumerate(names):
                    found[name].append((node.name, place))
        return found

    @cached_property
    def _set_on_self(self) -> dict[str, list[ast.expr]]:
        found = defaultdict(list)
        for node in self.module_of:
            for target, value in _assignments(node):
                if isinstance(target, ast.Attribute) and ast.unparse(target.value) == "self":
                    found[target.attr].append(value)
        return found

    @cached_property
    def _bindings(self) -> dict[ast.AST, list[ast.AST]]:
        """Scope -> the statements in it that bind names."""
        found: dict[ast.AST, list[ast.AST]] = defaultdict(list)
        for node in self.module_of:
            if _targets(node):
                scope = next(
                    one
                    for one in self._above(node)
                    if isinstance(one, Function | ast.Lambda | ast.Module | ast.ClassDef)
                )
                found[scope].append(node)
        return found

    @cached_property
    def _imports(self) -> dict[str, dict[str, str]]:
        """Module -> the names that it imports -> where they come from, dotted."""
        found: dict[str, dict[str, str]] = {name: {} for name in self.trees}
        for node, module in self.module_of.items():
            if isinstance(node, ast.ImportFrom):
                found[module] |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
            elif isinstance(node, ast.Import):
                found[module] |= {one.asname or one.name: one.name for one in node.names}
        return found


def _called_name(call: ast.Call) -> str:
    match call.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def _given(node: ast.AST) -> Iterator[ast.expr]:
    """The expressions that this node gives as a hint."""
    match node:
        case ast.Call(keywords=keywords):
            yield from (one.value for one in keywords if one.arg and one.arg.endswith("hint"))
        case ast.Constant(value=str(text)) if re.search(r"(^|\n)hint: \S", text):
            yield ast.copy_location(ast.Constant(text.partition("hint: ")[2]), node)
        case ast.FunctionDef() | ast.AsyncFunctionDef():
            yield from (value for name, value in _defaults(node).items() if name.endswith("hint"))
        case _:
            for target, value in _assignments(node):
                if isinstance(target, ast.Attribute) and target.attr == "hint":
                    yield value


def _defaults(function: Function) -> dict[str, ast.expr]:
    args = function.args
    positional = [*args.posonlyargs, *args.args]
    found = {one.arg: value for one, value in zip(positional[::-1], args.defaults[::-1], strict=False)}
    return found | {one.arg: value for one, value in zip(args.kwonlyargs, args.kw_defaults, strict=True) if value}


def _arguments(function: Function | ast.Lambda) -> list[ast.arg]:
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


def _returned(function: Function) -> Iterator[tuple[ast.expr, bool]]:
    """What a function returns or yields, without those inside it; and whether it is one of many."""
    todo: list[ast.AST] = [*function.body]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Return | ast.Yield | ast.YieldFrom) and node.value:
            yield node.value, isinstance(node, ast.Yield)
        if not isinstance(node, Function | ast.Lambda | ast.ClassDef):
            todo.extend(ast.iter_child_nodes(node))


def _assignments(node: ast.AST) -> Iterator[tuple[ast.AST, ast.expr]]:
    """(target, value) of every binding that a node does; the value of a loop is what it runs over."""
    match node:
        case ast.Assign(targets=targets, value=value):
            yield from ((target, value) for target in targets)
        case ast.AnnAssign(target=target, value=value) if value:
            yield target, value
        case ast.AugAssign(target=target, value=value) | ast.NamedExpr(target=target, value=value):
            yield target, value
        case ast.For(target=target, iter=value) | ast.comprehension(target=target, iter=value):
            yield target, value


def _targets(node: ast.AST) -> set[str]:
    return {one.id for target, _ in _assignments(node) for one in ast.walk(target) if isinstance(one, ast.Name)}


def _place(target: ast.AST, name: str) -> tuple[int, ...] | None:
    """Where a name stands in a target: () itself, (1,) the second of a tuple; None if nowhere."""
    if isinstance(target, ast.Name):
        return () if target.id == name else None
    if isinstance(target, ast.Tuple | ast.List):
        for index, one in enumerate(target.elts):
            place = _place(one, name)
            if place is not None:
                return (index, *place)
    return None

"""The mutants of a file: its source with one thing changed.

Changed by mutmut's operators, and by three of our own for what they pass over and rules are made of: a
statement left out, a condition turned round, a decorator (`transaction.atomic`) left out. mutmut's own runner
is not used: it passes over every decorated function, which here are those that move money.
"""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

import libcst as cst
from libcst.metadata import MetadataWrapper
from mutmut.mutation.mutators import mutation_operators

NEVER_CALLED_WRONG = frozenset({"len", "isinstance"})
NOT_OF_THE_RULE = (cst.Annotation, cst.Import, cst.ImportFrom, cst.Decorator)


@dataclass(frozen=True, slots=True)
class Mutant:
    """A file's changed source, and what was changed: the function (empty: outside of any), the lines."""

    file: str
    function: str
    change: str
    source: str

    @property
    def name(self) -> str:
        """How it is named in what is printed and in `equivalent.toml`."""
        return f"{self.function or '(module)'}: {self.change}"


def mutants_of(file: str, source: str) -> list[Mutant]:
    """Return all mutants of a file, in the order of its lines, none twice."""
    wrapper = MetadataWrapper(cst.parse_module(source))
    found: dict[str, Mutant] = {}
    for statement in wrapper.module.body:
        visitor = _Visitor()
        statement.visit(visitor)
        for function, node, changed in visitor.changes:
            body = [
                each.deep_replace(node, changed) if each is statement else each
                for each in wrapper.module.body
            ]
            text = wrapper.module.with_changes(body=body).code
            found.setdefault(text, Mutant(file, function, _difference(source, text), text))
    found.pop(source, None)
    return list(found.values())


class _Visitor(cst.CSTVisitor):
    def __init__(self) -> None:
        self.changes: list[tuple[str, cst.CSTNode, cst.CSTNode | cst.RemovalSentinel]] = []
        self._names: list[str] = []

    def on_visit(self, node: cst.CSTNode) -> bool:
        if isinstance(node, NOT_OF_THE_RULE) or _is_left_alone(node):
            return False
        if isinstance(node, cst.FunctionDef | cst.ClassDef):
            self._names.append(node.name.value)
        self.changes += [(".".join(self._names), node, changed) for changed in _changed(node)]
        return True

    def on_leave(self, original_node: cst.CSTNode) -> None:
        if isinstance(original_node, cst.FunctionDef | cst.ClassDef):
            self._names.pop()


def _is_left_alone(node: cst.CSTNode) -> bool:
    """Tell whether no mutant is made of a node: log lines, and calls of which a wrong one is no rule's."""
    if isinstance(node, cst.Assign):
        return any(
            isinstance(each.target, cst.Name) and each.target.value == "logger" for each in node.targets
        )
    if not isinstance(node, cst.Call):
        return False
    of = node.func.value if isinstance(node.func, cst.Attribute) else node.func
    return isinstance(of, cst.Name) and (of.value == "logger" or of.value in NEVER_CALLED_WRONG)


def _changed(node: cst.CSTNode) -> Iterator[cst.CSTNode | cst.RemovalSentinel]:
    for kind, operator in mutation_operators:
        if isinstance(node, kind) and not _is_prose(node):
            # Of a text, one wrong one: in another case it is no more wrong than with something around it.
            yield from islice(operator(node), 1 if kind is cst.BaseString else None)
    if isinstance(node, cst.If):
        parens = {"lpar": [cst.LeftParen()], "rpar": [cst.RightParen()]}
        yield node.with_changes(
            test=cst.UnaryOperation(operator=cst.Not(), expression=node.test.with_changes(**parens))
        )
    if isinstance(node, cst.SimpleStatementLine) and _acts(node.body[0]):
        yield node.with_changes(body=[cst.Pass()])
    if isinstance(node, cst.FunctionDef) and node.decorators:
        yield node.with_changes(decorators=[])


def _is_prose(node: cst.CSTNode) -> bool:
    """Tell whether a node is a text of several words: one for people, not one that a rule goes by."""
    return isinstance(node, cst.SimpleString) and " " in node.value


def _acts(statement: cst.BaseSmallStatement) -> bool:
    if isinstance(statement, cst.Expr):
        return isinstance(statement.value, cst.Call) and not _is_left_alone(statement.value)
    return isinstance(statement, cst.Raise) or (isinstance(statement, cst.Return) and not statement.value)


def _difference(before: str, after: str) -> str:
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))[2:]
    return " ".join(f"{line[0]} {line[1:].strip()}" for line in lines if not line.startswith("@@"))

"""Classes that are made of fields and methods only: pydantic's models, and dataclasses."""

from __future__ import annotations

import ast

from macchiato_cli.reading.annotations import Annotations, literal
from macchiato_cli.reading.meanings import Declined, Special, Type
from macchiato_cli.reserved import MODEL_ATTRIBUTES

_OPTIONS_OF_DATACLASSES = {"frozen", "kw_only", "slots"}


class Classes:
    """Reads classes with the names that are known so far."""

    def __init__(self, annotations: Annotations) -> None:
        self._annotations = annotations

    def read(self, node: ast.ClassDef) -> Type:
        """A model of pydantic's or a dataclass, of fields and methods only."""
        is_model = self._is_model(node)
        if not is_model:
            self._check_dataclass(node)
        names: list[str] = []
        with_default = False
        sendable = True
        for each in node.body:
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef) and not each.decorator_list:
                self._annotations.function(each)
                names.append(each.name)
            elif isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
                names.append(each.target.id)
                found = self._annotations.read(each.annotation, sendable=is_model)
                sendable = sendable and self._is_sendable(each.annotation)
                self._check_default(each.value, found, is_model=is_model, after_default=with_default)
                with_default = with_default or each.value is not None
            elif not isinstance(each, ast.Pass) and not is_docstring(each):
                raise Declined(ast.unparse(each))
        used = {
            each.id
            for each in ast.walk(node)
            if isinstance(each, ast.Name) and isinstance(each.ctx, ast.Load)
        }
        odd = [name for name in names if name.startswith(("_", "model_")) or name in used | MODEL_ATTRIBUTES]
        if odd or len(set(names)) < len(names):
            raise Declined(f"the fields of {node.name}")
        return Type(type(node.name, (), {}), sendable)

    def _is_sendable(self, annotation: ast.expr) -> bool:
        try:
            self._annotations.read(annotation, sendable=True)
        except Declined:
            return False
        return True

    def _is_model(self, node: ast.ClassDef) -> bool:
        if node.keywords or getattr(node, "type_params", None) or len(node.bases) > 1:
            raise Declined(node.name)
        if not node.bases:
            return False
        if node.decorator_list or self._annotations.meaning(node.bases[0]) != Special("pydantic.BaseModel"):
            raise Declined(node.name)
        return True

    def _check_dataclass(self, node: ast.ClassDef) -> None:
        if len(node.decorator_list) != 1:
            raise Declined(node.name)
        decorator: ast.expr = node.decorator_list[0]
        options: list[ast.keyword] = []
        if isinstance(decorator, ast.Call) and not decorator.args:
            options, decorator = decorator.keywords, decorator.func
        usual = all(
            each.arg in _OPTIONS_OF_DATACLASSES and type(literal(each.value)) is bool for each in options
        )
        if not usual or self._annotations.meaning(decorator) != Special("dataclasses.dataclass"):
            raise Declined(node.name)

    def _check_default(
        self, node: ast.expr | None, of: object, *, is_model: bool, after_default: bool
    ) -> None:
        if node is None:
            if after_default and not is_model:
                raise Declined("a field without a default after one that has it")
        elif isinstance(node, ast.Call):
            if is_model:
                self._annotations.field(node, of)
            else:
                self._check_factory(node)
        elif not isinstance(node, ast.Constant) or node.value is ...:
            raise Declined(ast.unparse(node))

    def _check_factory(self, node: ast.Call) -> None:
        """`field(default_factory=Type)`, which is called for each object, and not before."""
        factories = [each.value for each in node.keywords if each.arg == "default_factory"]
        if (
            node.args
            or not len(node.keywords) == len(factories) == 1
            or self._annotations.meaning(node.func) != Special("dataclasses.field")
            or not isinstance(self._annotations.meaning(factories[0]), Type)
        ):
            raise Declined(ast.unparse(node))


def is_docstring(node: ast.stmt) -> bool:
    """Whether it is a text, or `...`, which does nothing."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)

"""Imports run one way: dashboard → alerts → breakers; the domains import nothing but the standard library, msgspec, re2 and themselves."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APPS = ("breakers", "alerts", "dashboard")


def imports_of(text: str, module: str) -> Iterator[str]:
    """Every module that this source imports, relative ones resolved."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            package = module.split(".")[: -node.level] if node.level else []
            yield ".".join([*package, *([node.module] if node.module else [])])


def forbidden(app: str, module: str, imported: str) -> bool:
    top = imported.partition(".")[0]
    if module.startswith((f"{app}.domain.", f"{app}.domain")) and module.split(".")[1:2] == ["domain"]:
        own = imported.startswith((f"{app}.domain", "breakers.domain"))
        return not own and top not in sys.stdlib_module_names and top not in {"msgspec", "re2"}
    return top in APPS[APPS.index(app) + 1 :]


@pytest.mark.parametrize("app", APPS)
def test_imports_run_one_way(app: str) -> None:
    wrong = []
    for path in sorted((ROOT / app).rglob("*.py")):
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        package = module if path.name == "__init__.py" else module.rpartition(".")[0]
        for imported in imports_of(path.read_text(), f"{package}.x"):
            if forbidden(app, module, imported):
                wrong.append(f"{module} imports {imported}")
    assert wrong == []


def test_the_rule_sees_what_it_forbids() -> None:
    assert list(imports_of("from ..live import hub\nimport alerts.models", "dashboard.pages.wall")) == [
        "dashboard.live",
        "alerts.models",
    ]
    assert forbidden("breakers", "breakers.intake", "alerts.models")
    assert forbidden("alerts", "alerts.tasks", "dashboard")
    assert not forbidden("dashboard", "dashboard.celery", "alerts.tasks")
    assert forbidden("breakers", "breakers.domain.states", "django.db")
    assert forbidden("breakers", "breakers.domain.states", "breakers.models")
    assert not forbidden("breakers", "breakers.domain.reports", "msgspec.json")

"""The maps of the code in the documents are those of the code."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from tests.docs.pages import DOCS, ROOT, first_table, text_of

ARCHITECTURE = DOCS / "architecture.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
MODULES = {
    path.relative_to(ROOT / "pipeline").as_posix()
    for path in (ROOT / "pipeline").rglob("*.py")
    if path.name != "__init__.py"
}


def table(page: Path, name: str) -> list[list[str]]:
    """The table after `<!-- name -->`."""
    return first_table(text_of(page).partition(f"<!-- {name} -->")[2])


def test_every_module_of_the_pipeline_is_in_the_map() -> None:
    listed = [row[0].strip("`") for row in table(ARCHITECTURE, "modules")]
    assert sorted(listed) == sorted(MODULES)


@pytest.mark.parametrize("page", [ARCHITECTURE, CONTRIBUTING], ids=lambda page: page.name)
def test_the_steps_of_a_run_are_where_the_document_says(page: Path) -> None:
    for row in table(page, "steps"):
        module, _, names = row[1].partition(": ")
        assert module.strip("`") in MODULES
        found = import_module("pipeline." + module.strip("`").removesuffix(".py").replace("/", "."))
        for name in re.findall(r"`(\w+)`", names):
            assert hasattr(found, name), f"{module} has no {name}"

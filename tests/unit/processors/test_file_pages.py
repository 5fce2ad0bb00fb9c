"""The page about the files that people write: nothing on it is left open."""

from __future__ import annotations

import re

import pytest

from toolgate.processors.cases_file import Came, CaseContract, CaseEntry, CasesFile, Step
from toolgate.processors.catalogue import CatalogueFile, Cost, Inverse, ToolEntry
from toolgate.processors.contract_terms import ContractTerms
from toolgate.processors.file_pages import as_markdown
from toolgate.processors.objective import Objective
from toolgate.processors.policy_file import (
    AttemptRate,
    Attempts,
    BlastRadius,
    Budget,
    Limits,
    Logging,
    Policy,
    Rate,
    Rule,
)
from toolgate.processors.remembering import Remember

ROWS = [line.strip("| ").split(" | ") for line in as_markdown().splitlines() if line.startswith("| `")]
MODELS = (
    Policy,
    Limits,
    Budget,
    Rate,
    BlastRadius,
    Attempts,
    AttemptRate,
    Logging,
    ToolEntry,
    Cost,
    Inverse,
    Remember,
    Rule,
    ContractTerms,
    Objective,
    CaseEntry,
    CaseContract,
    Step,
    Came,
)


def test_every_key_has_a_value_and_a_meaning():
    """Nobody has to guess what a key takes or does."""
    assert [row for row in ROWS if len(row) != 5 or not row[1] or not row[3]] == []


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)
def test_every_key_of_a_model_is_on_the_page(model):
    """What is read is documented, under the name that people write."""
    keys = {field.alias or name for name, field in model.model_fields.items()}
    assert keys <= {row[0].strip("`") for row in ROWS}


def test_each_part_that_a_key_refers_to_has_its_section():
    """A link within the page leads somewhere."""
    page = as_markdown()
    wanted = set(re.findall(r"\]\(#([a-z]+)\)", page))
    assert wanted <= {title.lower() for title in re.findall(r"^### (\w+)$", page, re.MULTILINE)}


def test_the_catalogue_and_the_cases_have_one_key():
    """The page says so in words."""
    assert list(CatalogueFile.model_fields) == ["tools"]
    assert list(CasesFile.model_fields) == ["cases"]

"""Contract terms as the policy file has them: what a policy wants of the contract of a run."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from toolgate.processors.fields import Name, StrictModel, refused

VALUES_MAX = 16  # names; all of a contract has at most 4,096 bytes


class ContractTerms(StrictModel):
    """That whoever starts a run says what it may touch; see run_contract.py for what comes of it."""

    required: bool = Field(
        default=True, description="whether nothing is approved in a run without a contract"
    )
    values: Annotated[list[Name], Field(max_length=VALUES_MAX)] = Field(
        default_factory=list,
        description="what every contract must name, as rules see it: `contract.values.<name>`, a list of text",
    )

    @model_validator(mode="after")
    def _check(self) -> ContractTerms:
        if self.values and not self.required:
            what = "rules could not look at values of a contract that may not be there"
            raise refused(("values",), what, "say required: true, or remove values")
        for place, name in enumerate(self.values):
            if name in self.values[:place]:
                raise refused(("values", place), f"{name} is there twice", "remove one of them")
        return self

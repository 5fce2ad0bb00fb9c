"""Requirements as the policy file has them: what must come first, how often, and for how much."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from toolgate.processors.fields import Because, Glob, Id, ParamPath, StrictModel, Whole, refused


class Requirement(StrictModel):
    """Something about the calls of a run together: what must come first, or how often and for how much."""

    id: Id = Field(description="how denials name it")
    tools: Annotated[list[Glob], Field(min_length=1)] = Field(
        description="names or patterns of the tools that it limits"
    )
    after: Annotated[list[Glob], Field(min_length=1)] | None = Field(
        default=None, description="tools of which a call must have been approved before, in the same run"
    )
    at_most: Whole | None = Field(
        default=None, description="approved calls of a run, or the sum of their amounts"
    )
    by: ParamPath | None = Field(
        default=None, description="a path of the parameters: each value has a count of its own"
    )
    after_by: ParamPath | None = Field(
        default=None, description="where the tools of `after` have that value; default: at the same path"
    )
    identical: bool = Field(
        default=False, description="calls with the very same parameters are counted together"
    )
    amount: ParamPath | None = Field(
        default=None, description="a path of the parameters: what is summed up, in place of the calls"
    )
    because: Because = Field(description="why, in a sentence for people")

    @model_validator(mode="after")
    def _check(self) -> Requirement:
        if (self.after is None) == (self.at_most is None):
            raise refused((), "a requirement has either after or at_most", "write one of them")
        if self.by is not None and self.identical:
            raise refused(("by",), "by and identical exclude each other", "keep one of them")
        if self.amount is not None and self.at_most is None:
            raise refused(("amount",), "amount is what at_most limits", "write at_most, or remove amount")
        if self.after_by is not None and (self.after is None or self.by is None):
            raise refused(("after_by",), "after_by has no meaning without after and by", "remove it")
        return self

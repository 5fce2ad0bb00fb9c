"""Sampling: which completed commands people look at afterwards, and what their findings say of all of them.

A command is chosen if the hash of its id, as a number, is within the share: so each has the same chance whatever it
did, everyone who asks chooses the same, in any order, and what is chosen at 5 % is so at 10 % as well. The seed
should be known to nobody who is reviewed: ids of commands can be foreseen, being places of intents.

What is found is about a sample. Its rate of wrong ones has a Wilson score interval; to speak of all commands, each
stratum (commands of one share: of one workflow and policy version) weighs as many as were completed in it
(post-stratification), not as many as were looked at. Over several strata the interval is Wilson's with Kish's
effective sample size.

It is unbiased if those that were chosen and not reviewed are like those that were: whoever picks what to review out of
what was chosen spoils it.

Sources: Wilson (1927); Brown, Cai, DasGupta, "Interval Estimation for a Binomial Proportion" (2001); Kish, "Survey
Sampling" (1965).
"""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import blake2b
from math import sqrt
from typing import TYPE_CHECKING

from toolgate.streams.watch.slo import PPM

if TYPE_CHECKING:
    from collections.abc import Sequence

_PERSON = b"toolgate review"  # no other hash of the same id is the same
_HASHES = 1 << 64
_Z = 1.959964  # of 95 %


def chosen(command_id: str, share_ppm: int, seed: bytes) -> bool:
    """Whether people should look at a completed command. The seed has at most 64 bytes."""
    name = command_id.encode("utf-8", "surrogatepass")
    drawn = int.from_bytes(blake2b(name, digest_size=8, key=seed, person=_PERSON).digest())
    return drawn * PPM < share_ppm * _HASHES


@dataclass(frozen=True, slots=True)
class Stratum:
    """Commands of one share: how many were completed, and what people found in those they looked at.

    A finding of "unsure" counts as neither.
    """

    completed: int
    right: int
    wrong: int

    @property
    def judged(self) -> int:
        """How many say something."""
        return self.right + self.wrong


@dataclass(frozen=True, slots=True)
class Estimate:
    """What reviews say of all completed commands: the rate of wrong ones, its 95 % interval, how many that are."""

    rate: float
    low: float
    high: float
    wrong: int  # commands of those completed, rounded
    judged: int
    unseen: int  # completed commands of strata of which none was judged: nothing is said of them


def wilson(wrong: float, judged: float) -> tuple[float, float]:
    """The 95 % Wilson score interval of a share; counts may be effective ones. Nothing judged: (0, 1)."""
    if not judged:
        return 0.0, 1.0
    share, z2 = wrong / judged, _Z * _Z
    middle = (share + z2 / (2 * judged)) / (1 + z2 / judged)
    half = _Z / (1 + z2 / judged) * sqrt(share * (1 - share) / judged + z2 / (4 * judged * judged))
    # Rounding must not put the share itself outside.
    return max(0.0, min(share, middle - half)), min(1.0, max(share, middle + half))


def estimate(strata: Sequence[Stratum]) -> Estimate | None:
    """What the findings say; None where none says anything.

    With N completed and n judged in each stratum: the rate is sum(N wrong / n) / sum(N), the effective sample size
    sum(N)^2 / sum(N^2 / n), which for one stratum is its n.
    """
    seen = [one for one in strata if one.judged and one.completed]
    completed = sum(one.completed for one in seen)
    if not completed:
        return None
    rate = sum(one.completed * one.wrong / one.judged for one in seen) / completed
    effective = completed**2 / sum(one.completed**2 / one.judged for one in seen)
    low, high = wilson(rate * effective, effective)
    unseen = sum(one.completed for one in strata if not one.judged)
    return Estimate(rate, low, high, round(rate * completed), sum(one.judged for one in seen), unseen)

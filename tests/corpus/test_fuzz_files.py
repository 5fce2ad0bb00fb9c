"""Files that people write, under random changes: each loads, or is refused with places that are in it."""

from __future__ import annotations

import pytest
from changes import changed_bytes, changed_text
from corpus import CASES, GOOD, KEYRING, good_files, loader_of
from fuzzing import examples, fuzz

from toolgate.processors.problems import LoadError

PROBLEM_CHARS_MAX = 1_000
FILES = (*good_files(), KEYRING, CASES)


def as_promised(file: str, text: bytes) -> None:
    """Nothing but `LoadError`, whose problems are short and stand in the file, or in the set as a whole."""
    try:
        loader_of(file)(file, text)
    except LoadError as error:
        problems = error.problems
    else:
        return
    lines = len(text.decode("utf-8", "replace").splitlines()) + 2
    assert problems
    for problem in problems:
        assert 0 <= problem.line <= lines or problem.file != file, problem
        assert (problem.line == 0) == (problem.column == 0), problem
        assert problem.what
        assert len(str(problem)) <= PROBLEM_CHARS_MAX, problem


@pytest.mark.parametrize("file", FILES)
def test_the_good_files_load(file):
    """Changes of something that was refused to begin with would show nothing."""
    loader_of(file)(file, (GOOD / file).read_bytes())


@examples(25)
@pytest.mark.parametrize("file", FILES)
def test_a_changed_file_loads_or_says_where_it_does_not(file, count):
    """Words, signs and lines taken out, put in, doubled, moved; bytes flipped."""
    good = (GOOD / file).read_bytes()
    texts = changed_text([good.decode()]).map(lambda text: text.encode("utf-8", "surrogatepass"))

    @fuzz(count, texts | texts | texts | changed_bytes([good]))
    def law(text):
        as_promised(file, text)

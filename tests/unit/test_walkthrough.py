"""Following a page to the letter: what its blocks mean, and that a difference is found."""

from __future__ import annotations

import os

import pytest
from walkthrough import Block, Reader, blocks, missing

PAGE = """\
Words.

```yaml
# policies/policy.yaml
policy: {}
```

```bash exits=7
false || exit 7
```

```text
error: …
  do:  this
```

```bash
# terminal 2: leave it running
sleep 60
```
"""


def test_blocks_are_found_with_what_they_mean():
    """A file by its first line, an exit code by the fence, the output by the block that follows."""
    saved, typed, left = blocks(PAGE)
    assert (saved.file, saved.language, saved.line) == ("policies/policy.yaml", "yaml", 3)
    assert (typed.exits, typed.expected, typed.terminal) == (7, ("error: …", "  do:  this"), "")
    assert (left.terminal, left.file) == ("2", "")


def test_output_of_no_command_is_a_mistake_of_the_page():
    """Nobody would notice that it is not true."""
    with pytest.raises(AssertionError, match="line 1: output of no command"):
        blocks("```text\nb\n```\n")


@pytest.mark.parametrize(
    ("expected", "output", "found"),
    [
        (("a", "c"), "a\nb\nc\n", ""),
        (("c", "a"), "a\nb\nc\n", "a"),
        (("seq …  run run-1",), "seq 12  run run-1", ""),
        (("seq …",), "a seq 12", "seq …"),
        (("a  ",), "a", "a  "),
    ],
)
def test_expected_lines_are_whole_lines_in_their_order(expected, output, found):
    """`…` stands for anything, nothing else does."""
    assert missing(expected, output) == found


def test_one_terminal_keeps_its_folder_and_variables(tmp_path):
    """What a block exports or changes into holds for the next ones, and for files that are saved."""
    with Reader(tmp_path, {"PATH": os.environ["PATH"]}) as reader:
        reader.follow(Block(1, "bash", "mkdir desk\ncd desk\nexport WHO='two\nlines'"))
        reader.follow(Block(2, "python", "# a/b.py\nprint(1)\n"))
        reader.follow(Block(3, "bash", 'cat a/b.py; echo "$WHO"', expected=("print(1)", "two", "lines")))
    assert (tmp_path / "desk/a/b.py").exists()


@pytest.mark.parametrize(
    ("block", "what"),
    [
        (Block(4, "bash", "false"), "exit code 1 instead of 0"),
        (Block(4, "bash", "true", exits=3), "exit code 0 instead of 3"),
        (Block(4, "bash", "echo a", expected=("b",)), "no line 'b'"),
        (Block(4, "bash", "# terminal 2\ntrue", expected=("b",)), "it has ended"),
        (Block(4, "rust", "fn main() {}"), "nobody knows what to do"),
    ],
)
def test_what_a_page_says_wrongly_is_found(tmp_path, block, what):
    """A command that fails, one that should have, output that does not come, a block that means nothing."""
    with Reader(tmp_path, {"PATH": os.environ["PATH"]}) as reader, pytest.raises(AssertionError, match=what):
        reader.follow(block)

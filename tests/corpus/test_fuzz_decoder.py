"""The decoder under random changes of valid values: a record that gives the same bytes again, or its one error."""

from __future__ import annotations

import pytest
from avro_samples import bodies
from changes import changed_bytes
from fuzzing import examples, fuzz
from hypothesis import strategies as st

from toolgate.schemas import bundle
from toolgate.schemas.bundle import SUBJECTS
from toolgate.schemas.codec import Codec, DecodeCode, DecodeError
from toolgate.schemas.registry import bundled

CODES = frozenset(DecodeCode)
DETAIL_CHARS_MAX = 300
VALUES = {
    (subject.stem, schema.version): [
        b"\x00" + bundled().id_of(schema).to_bytes(4, "big") + body for body in bodies(schema)
    ]
    for subject in SUBJECTS
    for schema in bundle.schemas(subject.stem)
}
ALL = [value for values in VALUES.values() for value in values]


def as_promised(codec: Codec, value: bytes) -> None:
    """Nothing but `DecodeError`, with a code of the list and a short detail; what reads is canonical."""
    try:
        read = codec.read(value)
    except DecodeError as error:
        refused = error
    else:
        again = codec.encode(read.record)
        assert codec.decode(again) == read.record
        assert (
            again == value or read.schema_id != codec.schema_id
        )  # an older version is written as the newest
        return
    assert refused.reason_code in CODES
    assert 0 < len(refused.detail) <= DETAIL_CHARS_MAX


@pytest.mark.parametrize(("stem", "version"), VALUES)
def test_the_samples_read(stem, version):
    """Changes of something that was refused to begin with would show nothing."""
    [subject] = [subject for subject in SUBJECTS if subject.stem == stem]
    for value in VALUES[stem, version]:
        assert Codec(subject.record_type).read(value).schema_id == int.from_bytes(value[1:5], "big")


@examples(60)
@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda subject: subject.stem)
def test_whatever_the_bytes_a_codec_keeps_its_promise(subject, count):
    """Changed values of its own record in every version, and of all others, and bytes of no kind."""
    codec = Codec(subject.record_type)
    own = [value for (stem, _), values in VALUES.items() if stem == subject.stem for value in values]
    headers = st.sampled_from([value[:5] for value in own])
    free = st.builds(bytes.__add__, headers, st.binary(max_size=60))

    @fuzz(count, changed_bytes(own) | changed_bytes(own) | changed_bytes(ALL) | free | st.binary(max_size=60))
    def law(value):
        as_promised(codec, value)

"""Where a key belongs: the figures of Kafka's own tests of its default partitioner."""

from __future__ import annotations

import pytest

from toolgate.processors.placement import murmur2, partition_of


@pytest.mark.parametrize(
    ("data", "signed"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_murmur2_is_that_of_kafka(data, signed):
    """Signed 32-bit figures of org.apache.kafka.common.utils.UtilsTest."""
    assert murmur2(data) == signed % 2**32


def test_every_key_has_one_partition():
    """Also the empty one; all are within the topic."""
    found = {partition_of(b"run-%d" % n, 7) for n in range(200)} | {partition_of(b"", 7)}
    assert found == set(range(7))

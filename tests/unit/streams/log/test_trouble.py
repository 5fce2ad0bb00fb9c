"""What the client says by itself reaches the log, but not over and over."""

from __future__ import annotations

import logging

from confluent_kafka import KafkaError
from structlog.testing import capture_logs

from toolgate.streams.log.trouble import Trouble


def test_refused_credentials_are_told_as_an_error():
    """They are told nowhere else."""
    with capture_logs() as told:
        Trouble().error(KafkaError(KafkaError._AUTHENTICATION, "SASL: wrong password for user"))

    assert [(entry["log_level"], entry["code"]) for entry in told] == [("error", "_AUTHENTICATION")]


def test_the_last_error_explains_what_failed_afterwards():
    """A timeout alone tells nobody what to do."""
    trouble = Trouble()
    assert trouble.because() == ""

    trouble.error(KafkaError(KafkaError._TRANSPORT, "connection refused"))

    assert trouble.because() == " (the client last said: connection refused)"


def test_equal_messages_come_once_in_a_while():
    """Numbers do not make a message new; five seconds do."""
    now = [0.0]
    trouble = Trouble(lambda: now[0])
    with capture_logs() as told:
        for port in range(50):
            trouble.log(logging.WARNING, "%s: connect to port %d failed", "FAIL", port)
        now[0] = 5.0
        trouble.log(logging.WARNING, "%s: connect to port %d failed", "FAIL", 1)
        trouble.log(logging.WARNING, "something else")

    assert [entry["detail"] for entry in told] == [
        "FAIL: connect to port 0 failed",
        "FAIL: connect to port 1 failed",
        "something else",
    ]


def test_unlimited_kinds_of_messages_do_not_fill_the_memory():
    """Text that comes from outside may differ every time."""
    trouble = Trouble(lambda: 0.0)
    for number in range(2000):
        trouble.log(logging.INFO, "kind " + "x" * (number % 70) + chr(0x4E00 + number))

    assert len(trouble._told) <= 256

"""Signing: headers by which a receiver knows who sends, and that nothing was changed or held back for long.

As https://www.standardwebhooks.com has it: HMAC-SHA256 over id, time of sending and body.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from hashlib import sha256

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"


def signed(secret: bytes, event_id: str, sent_s: int, body: bytes) -> dict[str, str]:
    """The headers of one request.

    Args:
        secret: the endpoint's.
        event_id: the same however often it is sent.
        sent_s: now, in epoch seconds.
        body: exactly what is sent.
    """
    tag = hmac.new(secret, f"{event_id}.{sent_s}.".encode() + body, sha256).digest()
    return {ID: event_id, TIMESTAMP: str(sent_s), SIGNATURE: f"v1,{b64encode(tag).decode()}"}

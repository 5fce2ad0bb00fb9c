"""Policies tried without a broker: cases beside them, one intent explained, a recorded log under two of them."""

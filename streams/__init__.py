"""Everything that moves or remembers: topics, broker, ledger, gate, recovery, local stack, settings."""

"""The ledger: accounts, marks and decisions of one topic prefix, exactly once with Kafka."""

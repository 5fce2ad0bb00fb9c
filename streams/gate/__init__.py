"""The gate: one loop that reads inputs, judges, lets the ledger decide and publishes in one transaction."""

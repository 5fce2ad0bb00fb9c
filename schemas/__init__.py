"""The records of every topic: Avro schemas, typed records, the strict codec and its registry."""

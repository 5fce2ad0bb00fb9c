"""The log as the gate uses it: adapters of `toolgate.streams.ports.Log`."""

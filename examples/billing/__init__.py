"""A billing desk: policy, tools, systems of record and scripted agents; `toolgate demo` plays it."""

"""Inkline and its peers on the same pages: `python -m benchmarks.peers --help`; method in docs/benchmarks.md."""

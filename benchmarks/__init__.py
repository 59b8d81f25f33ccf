"""Measurements that anyone can run: `python -m benchmarks.NAME --help`. Results with their conditions are in results/."""

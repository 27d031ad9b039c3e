"""The trainer compared with the published package: time per step, memory, and the lower bound of both.

``python -m benchmarks.trainer`` runs it; docs/performance.md says how it measures.
"""

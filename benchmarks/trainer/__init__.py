"""The trainer beside the published package: time per step, memory, and the floor that both stand on.

``python -m benchmarks.trainer`` runs it; docs/performance.md says how it measures.
"""

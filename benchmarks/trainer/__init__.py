"""The trainer compared with the published package: time per step, memory, and the floor that no trainer can beat.

``python -m benchmarks.trainer`` runs it; docs/performance.md says how it measures.
"""

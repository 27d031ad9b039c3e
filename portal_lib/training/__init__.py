"""The trainer: two-domain adversarial objectives, one training loop, inference in chunks.

It knows arrays only: no files, no data sets, no metrics.
"""

"""The trainer: two-domain adversarial objectives, one training loop, inference in chunks.

It works on arrays only: no data files, no data sets, no metrics.
"""

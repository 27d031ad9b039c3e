"""Alignment of two modalities: `align`, the trained `Aligner`, its checks and its files."""

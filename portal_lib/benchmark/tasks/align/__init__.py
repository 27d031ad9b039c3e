"""The task align: two modalities of cells, translation between them."""

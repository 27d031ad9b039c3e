"""The task integrate: batches of one modality, one shared embedding."""

"""Portal: the model, integration of batches, corrected expression and label transfer."""

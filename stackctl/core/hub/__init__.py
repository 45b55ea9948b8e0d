"""The sources of models, and where downloaded models are stored."""

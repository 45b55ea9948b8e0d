"""The layers between a GPU and the model on it, and what is known about each."""

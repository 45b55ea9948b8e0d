"""From events of a start to a verdict."""

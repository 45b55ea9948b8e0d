"""Effects: each module touches one outside thing and turns its failures into stackctl's errors."""

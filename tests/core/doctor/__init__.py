"""What the doctor judges, by plain values."""

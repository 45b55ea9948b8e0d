"""The values that several rooms share: frozen data without behaviour."""

"""The doctor's judgements: tables of cases."""

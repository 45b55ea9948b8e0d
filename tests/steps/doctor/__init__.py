"""The checks of the doctor, on machines of fakes."""

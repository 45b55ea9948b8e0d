"""One verb per module: functions that take a Machine and return a result. They know no click and print no results."""

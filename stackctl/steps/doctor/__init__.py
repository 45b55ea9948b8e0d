"""The doctor's checks: each looks at one thing by the machine's ports, and lets core/doctor judge it."""

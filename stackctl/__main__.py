"""`python -m stackctl`, and the installed command. Its exit code is right even if the terminal goes away."""

import _signal  # type: ignore[import-not-found]  # typeshed lacks it; `signal` itself takes 20 ms to import
import os

INTERRUPTIONS = (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP)


def main() -> None:
    """Run the command line. Raises SystemExit."""
    for number in INTERRUPTIONS:
        if _signal.getsignal(number) != _signal.SIG_IGN:  # `nohup` and a shell's `&` ignore it
            _signal.signal(number, lambda _number, _frame: os._exit(130))  # nothing was done yet: not even an import
    from stackctl.ui import keep_outputs

    outputs = keep_outputs()
    from stackctl.cli import main as command
    from stackctl.cli.interruption import interruption

    interruption.take(INTERRUPTIONS)
    try:
        command(complete_var="_STACKCTL_COMPLETE")  # also where `python -m stackctl` is typed
    finally:
        interruption.is_raised = False
        outputs.tell_loss()


if __name__ == "__main__":
    main()

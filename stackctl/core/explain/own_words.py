"""What stackctl itself prints of a failure: it names the issue, so its page is the cause."""

from typing import Final

from stackctl.contracts.cause import Cause
from stackctl.contracts.signature import ProgramLog, Signature
from stackctl.issues import ISSUES

_NAMES: Final = "more: `stackctl explain "
_HINT: Final = "Read its page, and the hint that stands in this text."
LOG: Final = ProgramLog(
    program="stackctl",
    own=(_NAMES,),
    signatures=tuple(
        Signature(
            marks=(f"{_NAMES}{one.id}`",),
            cause=Cause(says=one.title, hint=_HINT, issue=one.id, source=f"stackctl: docs/issues/{one.id}.md"),
        )
        for one in ISSUES.values()
    ),
)

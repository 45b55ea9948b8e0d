"""A smoke run as JUnit XML, which CI systems read.

Schema: the one of Ant's and Jenkins' JUnit reports (testsuites, testsuite, testcase; failure, skipped, system-out).
"""

import re
from typing import Final
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from stackctl.core.smoke.result import Outcome, Smoked

_HEAD: Final = '<?xml version="1.0" encoding="UTF-8"?>'
# characters that an XML 1.0 document may not contain, even escaped: https://www.w3.org/TR/xml/#charsets
_FORBIDDEN: Final = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(smoked: Smoked, *, timestamp: str, hostname: str) -> str:
    """Return the report. timestamp: the begin of the run, ISO 8601 without a zone, as the schema demands."""
    counts = {
        "tests": str(len(smoked.outcomes)),
        "failures": str(len(smoked.failed)),
        "errors": "0",
        "time": f"{smoked.seconds:.3f}",
    }
    root = Element("testsuites", {"name": "stackctl smoke", **counts})
    skipped = sum(one.status == "not run" for one in smoked.outcomes)
    suite = SubElement(
        root,
        "testsuite",
        {"name": _plain(smoked.name), **counts, "skipped": str(skipped), "timestamp": timestamp, "hostname": hostname},
    )
    for outcome in smoked.outcomes:
        _case(suite, outcome)
    indent(root)
    return f"{_HEAD}\n{tostring(root, encoding='unicode')}\n"


def _case(suite: Element, outcome: Outcome) -> None:
    seconds = f"{outcome.seconds:.3f}"
    case = SubElement(suite, "testcase", {"name": outcome.name, "classname": "stackctl.smoke", "time": seconds})
    error = outcome.error
    if error:
        text = "\n".join((error.message, *error.evidence, f"hint: {error.hint}"))
        failure = SubElement(case, "failure", {"message": _plain(error.message), "type": type(error).__name__})
        failure.text = _plain(text)
    elif outcome.status == "not run":
        SubElement(case, "skipped", {"message": _plain(outcome.says)})
    else:
        SubElement(case, "system-out").text = _plain(outcome.says)


def _plain(text: str) -> str:
    return _FORBIDDEN.sub("", text)

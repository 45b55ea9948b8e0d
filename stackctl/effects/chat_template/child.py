"""The process in which a stranger's chat template runs: it has limits, and imports nothing of stackctl.

It reads one request as JSON from stdin and writes one answer. The environment is the one of transformers
(utils/chat_template_utils.py, _compile_jinja_template): the immutable sandbox, trimmed blocks, loop controls, `tojson`,
`raise_exception`, `strftime_now` and the `generation` tag, whose body is all that it renders.
"""

import json
import sys
from typing import Any, Final

_CPU_S: Final = 1  # a usual template takes 0.2, most of it for the start
_MEMORY_BYTES: Final = 200 << 20
_BEFORE_DATE, _AFTER_DATE = "\ue000", "\ue001"  # private characters: no date's format has them


def main() -> None:
    """Answer the request on stdin."""
    _limit()
    request = json.load(sys.stdin)
    try:
        answer = answer_to(request)
    except MemoryError:
        answer = {"fault": "it needs more than 200 MB"}
    json.dump(answer, sys.stdout)


def _limit() -> None:
    """Bound what this process can use; a system without such limits still has the parent's clock."""
    try:
        import resource
    except ImportError:
        return
    for name, most in (("RLIMIT_CPU", _CPU_S), ("RLIMIT_AS", _MEMORY_BYTES), ("RLIMIT_FSIZE", 0), ("RLIMIT_CORE", 0)):
        kind = getattr(resource, name, None)
        if kind is not None:
            try:
                resource.setrlimit(kind, (most, most))
            except (OSError, ValueError):  # macOS refuses some of them
                continue


def answer_to(request: dict[str, Any]) -> dict[str, Any]:
    """Return {"answers": [{"text"} or {"fault"}, one for each talk]}, or {"fault"} if the template is none.

    request: the template, its variables, the talks, the most characters of a text, and the ways: what else the template
    may need. The first way counts in which it writes the first talk's message.
    """
    from jinja2 import TemplateError

    # what a template's expressions raise; a template that raises for one talk may render the others
    faults = (
        TemplateError, ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError,
        ValueError,
    )  # fmt: skip
    try:
        template = _environment().from_string(request["template"])
    except (*faults, SyntaxError) as e:
        return {"fault": _say(e)}

    def written(talk: dict[str, Any], way: dict[str, Any]) -> dict[str, str]:
        variables = {**request["variables"], **way, **talk}
        if way.get("has_parts"):
            variables["messages"] = [{**one, "content": _parts(one["content"])} for one in talk["messages"]]
        try:
            return {"text": _rendered(template, variables, request["most"])}
        except faults as e:
            return {"fault": _say(e)}

    talks, ways = request["talks"], request["ways"]
    message = talks[0]["messages"][0]["content"]
    way = next((one for one in ways if message in written(talks[0], one).get("text", "")), ways[0])
    return {"answers": [written(talk, way) for talk in talks]}


def _parts(content: str) -> list[dict[str, str]]:
    """Return a message as templates of models that see pictures take it."""
    return [{"type": "text", "text": content}]


def _rendered(template: Any, variables: dict[str, Any], most: int) -> str:
    """Return the text; raise ValueError if it has more than `most` characters."""
    parts, left = [], most
    for part in template.generate(variables):
        left -= len(part)
        if left < 0:
            raise ValueError(f"it writes more than {most} characters")
        parts.append(part)
    text = "".join(parts)
    text.encode()  # half of a surrogate pair is no text
    return text


def _environment() -> Any:
    from jinja2 import TemplateError, nodes
    from jinja2.ext import Extension, loopcontrols
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    class Generation(Extension):
        tags = {"generation"}  # noqa: RUF012 - as jinja2 declares it

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.Scope(body, lineno=line)

    def refuse(message: object) -> None:
        raise TemplateError(str(message))

    def tojson(value: object, ensure_ascii: bool = False, **form: Any) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, **form)

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, loopcontrols]
    )
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = lambda form: f"{_BEFORE_DATE}{form}{_AFTER_DATE}"
    return environment


def _say(e: BaseException) -> str:
    return (str(e) or type(e).__name__)[:300]


if __name__ == "__main__":
    main()

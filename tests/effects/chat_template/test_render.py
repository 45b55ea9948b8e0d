"""A stranger's chat template runs in a process of its own, and cannot harm anything but itself."""

import inspect
import resource

import pytest

from stackctl.core.tavern import talks
from stackctl.effects.chat_template import render

HOSTILE = {
    "an endless loop": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "a number without end": "{{ 9**(9**9) }}",
    "a string of gigabytes": "{{ ('x' * 999999999) * 99 }}",
    "a list of gigabytes": "{% set a = [0] * 10**10 %}{{ a }}",
    "a text too long": "{% for a in range(99999) %}xxxxxxxxxxxxxxxx{% endfor %}",
    "a formatted gigabyte": "{{ '%1000000000d' % 1 }}",
    "a macro that calls itself": "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
    "deep nesting": "{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}",
    "deep blocks": "{% if 1 %}" * 3000 + "{% endif %}" * 3000,
    "an escape by attributes": "{{ messages.__class__.__mro__[1].__subclasses__() }}",
    "an escape by a format": "{{ '{0.__class__.__init__.__globals__}'.format(raise_exception) }}",
    "an escape by a function": "{{ raise_exception.__globals__ }}",
    "an escape by the loop": "{{ self.__init__.__globals__ }}{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "a file": "{% include '/etc/passwd' %}",
    "another template": "{% import 'os' as os %}",
    "an error": "{{ raise_exception('no') }}",
    "a division by zero": "{{ 1 / 0 }}",
    "no template": "{% if %}",
    "an unknown tag": "{% evil %}",
    "half a character": r"{{ '\ud800' }}",
    "too long a template": " " * (talks.MOST_TEMPLATE + 1),
}


@pytest.mark.parametrize("template", HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_template_ends_in_an_error_within_two_seconds_and_200_mb(template: str) -> None:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    found = render(talks.request(template, bos="<s>", eos="</s>"))
    assert isinstance(found, str) or not any(text for text in found)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    # of the processor: a busy machine may let it wait
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 2
    assert after.ru_maxrss <= max(before.ru_maxrss, 200 << 10)


def test_a_talk_that_the_template_refuses_leaves_the_others() -> None:
    template = "{% if messages[0].role == 'system' %}{{ raise_exception('no') }}{% endif %}{{ messages[0].content }}"
    request = talks.request(template, bos="<s>", eos="</s>")
    found = dict(zip(request.asks, render(request), strict=True))
    assert found[talks.Ask("one")] is None
    assert found[talks.Ask("plain")] == talks.USER[0]


def test_a_process_that_cannot_be_waited_for_is_ended() -> None:
    found = render(talks.request(HOSTILE["an endless loop"], bos="", eos=""), patience_s=0.3)
    assert found == "it takes longer than 0.3 seconds"


def test_the_processor_ends_a_template_long_before_the_clock_so_that_a_busy_machine_has_time_for_a_good_one() -> None:
    found = render(talks.request(HOSTILE["an endless loop"], bos="", eos=""), patience_s=60)
    assert found == "it needs more than a second of the processor or 200 MB"
    assert inspect.signature(render).parameters["patience_s"].default >= 5

"""Renders templates with Jinja for Python, as chat templates are rendered.

python3 templates.py FILE                writes the cases below with what they render to
python3 templates.py FILE FOLDER...      the chat templates of model folders, with the conversations below
"""

import datetime
import json
import os
import sys

import jinja2
from jinja2.sandbox import ImmutableSandboxedEnvironment

VARIABLES = {'s': 'Hello wörld 😀', 'l': [3, 1, 2], 'm': {'a': 1, 'b': 'x'}, 'n': None, 't': True, 'f': False, 'i': 7, 'd': 2.5, 'e': [], 'u': [{'n': 'b', 'k': 1}, {'n': 'A', 'k': 2}, {'n': 'c'}]}

EXPRESSIONS = [
    's|upper',
    's|title',
    's|length',
    's[1:4]',
    's[::-1]',
    's[-1]',
    'l[1:]',
    'l[-2:]',
    'l[::2]',
    'l|sort',
    'l|sort(reverse=true)',
    'l|reverse|list',
    'l|first',
    'l|last',
    "l|join(', ')",
    'l|sum',
    'l|min',
    'l|max',
    'm.a',
    "m['b']",
    'm.zzz',
    "m.get('zzz','d')",
    'm.items() | list',
    '(1,)',
    '((1, 2), [3])',
    "'ab_cd x-y (z'|title",
    'm|items|list',
    'm|dictsort',
    'n',
    't',
    'f',
    'd',
    'i/2',
    'i//2',
    'i%4',
    '-i',
    '2**3',
    'i+d',
    "'a'*3",
    "'a'~1~n",
    'l+[4]',
    "[1,'a',none,true,2.0]",
    "{'a':[1,{'b':none}]}",
    '(1,2)|list',
    '1 < 2 < 3',
    '1 == 1.0',
    "'a' in s",
    "'H' in s",
    '3 in l',
    '4 not in l',
    'not t',
    't and i',
    'f or s',
    'n is none',
    'zzz is defined',
    'zzz is undefined',
    's is string',
    'i is number',
    'i is integer',
    'd is float',
    'm is mapping',
    'l is sequence',
    'l is iterable',
    't is boolean',
    'i is odd',
    'i is even',
    'i is divisibleby 7',
    'i is divisibleby(2)',
    's if t else n',
    's if f',
    "zzz|default('q')",
    "''|default('q')",
    "''|default('q',true)",
    "n|default('q')",
    "u|map(attribute='n')|list",
    "u|map(attribute='k',default=0)|list",
    "u|map('length')|list",
    "u|selectattr('n','equalto','b')|list",
    "u|rejectattr('k','defined')|list",
    "u|selectattr('k')|list",
    "l|select('greaterthan',1)|list",
    "l|select('odd')|list",
    "u|sort(attribute='n')|map(attribute='n')|join",
    "'  x '|trim",
    "' x '.strip()",
    "'xxaxx'.strip('x')",
    "'xxaxx'.lstrip('x')",
    "'xxaxx'.rstrip('x')",
    "'a,b,c'.split(',')",
    "'a,b,c'.split(',',1)",
    "' a  b '.split()",
    "'a,b,c'.rsplit(',',1)",
    "'abc'.replace('b','X')",
    "'abc'|replace('b','X')",
    "'aaa'.replace('a','b',2)",
    "'hello world'|capitalize",
    "'HeLLo'.lower()",
    "'abc'.startswith('ab')",
    "'abc'.endswith(('x','c'))",
    "'a-b'.find('-')",
    "s.find('😀')",
    "'abab'.count('ab')",
    "'12'.isdigit()",
    "'-'.join(['a','b'])",
    "'3'|int + 1",
    "'x'|int",
    "'3.7'|float",
    '3.7|int',
    '3.2|round',
    '3.25|round(1)',
    '5|abs',
    '-5|abs',
    'm|tojson',
    'u|tojson(indent=2)',
    '\'<é"\\\\>\'|tojson',
    '1e3|string',
    '100000000000000000000.0',
    '0.1+0.2',
    '1.0',
    'l|tojson',
    'l|length > 2 and l|length < 4',
    'range(3)|list',
    'range(1,7,2)|list',
    'range(5,0,-2)|list',
    'namespace(a=1).a',
    'dict(a=1)',
    'loop is defined',
    "'%s' is string",
    's|list|length',
    "[[1,2],[3]]|map('sum')|list",
    'l|unique|list',
    '[1,1,2]|unique|list',
    "'a\\nb\\n\\nc'|indent",
    "'a\\nb'|indent(2,true)",
    'true|string',
    '[]|string',
    "'it''s'",
    '"a" \'b\'',
    '1 if 0 else 2 if 0 else 3',
    '(l|length)-1',
    '-l|length',
    'l is not none and l',
    "'x' is in ['x']",
    'n == none',
    'none == zzz',
    'zzz == zzz',
    "m == {'a':1,'b':'x'}",
    "'a' < 'b'",
    '[1,2] < [1,3]',
    's|string|length',
    'm|length',
    'm.keys()|list',
    'm.values()|list',
    'i is eq 7',
    "'abc'[0]",
    "'abc'[5] is defined",
    'l[7] is defined',
    "'abc'|first",
    "'abc'|last",
    "'abc'|reverse",
    's.title()',
    "'ab cd-ef_gh 1x'.title()",
    "'ab cd'|title",
    "7|string + 'a'",
    '{} is mapping',
    "[] or 'x'",
    "'Ab'.upper() ~ 'Ab'.lower()",
    'i|float',
    "{'x':1}.x",
    'none|string',
    "'a' if none is none",
]

TEMPLATES = [
    'a\n{% if t %}\n  b\n{% endif %}\nc\n',
    '  {% if t %}x{% endif %}  \n y',
    "{%- for x in l %}{{ x }}{{ ', ' if not loop.last }}{%- endfor -%}  z",
    '{% for x in l if x > 1 %}{{ loop.index }}:{{ x }};{% else %}none{% endfor %}',
    '{% for x in e %}a{% else %}none{% endfor %}',
    '{% for k, v in m.items() %}{{ k }}={{ v }} {% endfor %}',
    '{% set x = 1 %}{% for y in l %}{% set x = y %}{% endfor %}{{ x }}',
    '{% set ns = namespace(x=0) %}{% for y in l %}{% set ns.x = ns.x + y %}{% endfor %}{{ ns.x }}',
    '{% set x %}a {{ i }} b{% endset %}[{{ x }}]',
    "{% macro f(a, b='q') %}{{ a }}-{{ b }}{% endmacro %}{{ f(1) }} {{ f(2, b=3) }} {{ f('x','y') }}",
    '{# c #}\nx {#- d -#}  y',
    '{% raw %}{{ x }}{% endraw %}',
    '{% for x in l %}{% if x == 1 %}{% continue %}{% endif %}{{ x }}{% endfor %}',
    '{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% endfor %}',
    '{% filter upper %}abc{{ s }}{% endfilter %}',
    '{% set a, b = 1, 2 %}{{ a }}{{ b }}',
    "{% for x in l %}{{ loop.index0 }}{{ loop.revindex }}{{ loop.first }}{{ loop.last }}{{ loop.length }}{{ loop.cycle('a','b') }}{{ loop.previtem is defined }} {% endfor %}",
    '\n\n{{ s }}\n\n',
    'x\n{%+ if t %}\n y{% endif +%}\nz',
    '\t{% if t %}\n\t\t{{ i }}\n\t{% endif %}\n',
    '{{- s -}}\n x',
    'a {{- s }} b',
    '{% if f %}a{% elif t %}b{% else %}c{% endif %}',
    '{% for a in [[1,2],[3,4]] %}{% for b in a %}{{ loop.index }}{{ b }}{% endfor %}|{% endfor %}',
    '{% for x in l %}{% if loop.first %}{% set q = x %}{% endif %}{{ q }}{% endfor %}',
    "{{ strftime_now('%d %b %Y %H:%M:%S %A %B %j %y %m %I %p') }}",
    "{{ raise_exception('no') }}",
    '{{ zzz.y }}',
    "{{ 'a' + 1 }}",
    "{{ n + 'a' }}",
    '{% for x in zzz %}a{% endfor %}',
    '{% for x in n %}{% endfor %}',
    'line1\r\n{% if t %}\r\nx\r\n{% endif %}\r\n',
    "{{ '\\n\\t\\u00e9' }}",
    '{{ "{{ x }}" }}',
    "{{ '%}' }}{% set z = '}}' %}{{ z }}",
    '{%- set ns = namespace(found=false) %}{% for x in l %}{% if x == 2 %}{% set ns.found = true %}{% endif %}{% endfor %}{{ ns.found }}',
    '{% if l %}{% for x in l[:2] %}{{ x }}{% endfor %}{% endif %}',
    '{% macro r(n) %}{{ n }}{% if n > 0 %}{{ r(n - 1) }}{% endif %}{% endmacro %}{{ r(3) }}',
    "{% set x = {'a': 1} %}{{ x.a }}{{ x['a'] }}",
    '{% set t2 = (1,) %}{{ t2|length }}',
    'a\n  {#- c #}\n b',
    '   {# c #}\nx',
    '{{ s }}{# c #}\nx',
    '{% if t -%}\n   x\n{%- endif %}\ny',
]

# Written for this test, with what templates of chat models have in them.
CHAT = """{%- set ns = namespace(last=-1) %}
{%- for message in messages[::-1] %}
    {%- if ns.last < 0 and message.role == 'user' %}
        {%- set ns.last = (messages | length) - 1 - loop.index0 %}
    {%- endif %}
{%- endfor %}
{% if messages[0]['role'] == 'system' -%}
    {% set rest = messages[1:] %}{{ '[' + messages[0]['content'] | trim + ']' }}
{% else %}
    {%- set rest = messages %}
{%- endif %}
{%- for message in rest %}
    {%- if message.role not in ['user', 'assistant'] %}
        {{- raise_exception('Unknown role ' ~ message.role) }}
    {%- endif %}
    {%- set text = message.content %}
    {%- if '</think>' in text %}
        {%- set text = text.split('</think>')[-1].lstrip('\\n') %}
    {%- endif %}
{{ bos_token if loop.first else '' }}<{{ message.role }}>
{{ text }}{% if not loop.last %}{{ eos_token }}{% endif %}

{% endfor %}
{%- if add_generation_prompt %}
    {{- '<assistant>\\n' }}
{%- endif %}
"""

TOOLS = [{"type": "function", "function": {"name": "get", "description": "d é \"q\"", "parameters": {
    "type": "object", "properties": {"x": {"type": "number", "default": 1.5, "enum": [1, 2.5, 1e22, True, None]}}, "required": ["x"]}}}]

CHATS = [
    [{"role": "user", "content": "Hi"}],
    [{"role": "system", "content": "  You are  a \"pirate\". "}, {"role": "user", "content": "Hi <b> & 'x' \\n {{ y }} {% if %}\n"},
     {"role": "assistant", "content": "<think>\nhm\n</think>\n\nYes."}, {"role": "user", "content": "Why? 😀"}],
    [{"role": "user", "content": "a"}, {"role": "assistant", "content": "<think>\nhm\n\n</think>\n\nYes."}],
    [{"role": "user", "content": "a"}, {"role": "user", "content": "b"}],
    [{"role": "tool", "content": "x"}],
]

TOOL_CHAT = [
    {"role": "user", "content": "weather?"},
    {"role": "assistant", "content": "", "tool_calls": [
        {"id": "abcdefghi", "type": "function", "function": {"name": "get", "arguments": {"x": 1, "y": [], "z": {}}}}]},
    {"role": "tool", "content": "{\"t\": 1}", "tool_call_id": "abcdefghi"},
    {"role": "assistant", "content": "warm"},
    {"role": "user", "content": "ok"},
]


def to_json(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def conversations():
    for messages in CHATS:
        for answer in (True, False):
            yield {"messages": messages, "add_generation_prompt": answer, "bos_token": "<s>", "eos_token": "</s>"}
    yield {"messages": CHATS[1], "add_generation_prompt": True, "enable_thinking": False, "bos_token": "<s>", "eos_token": "</s>"}
    yield {"messages": TOOL_CHAT, "tools": TOOLS, "add_generation_prompt": True, "bos_token": "<s>", "eos_token": "</s>"}


def cases(folders):
    for folder in folders:
        with open(os.path.join(folder, "tokenizer_config.json"), encoding="utf-8") as file:
            template = json.load(file).get("chat_template")
        if template:
            for variables in conversations():
                yield template, variables
    if not folders:
        for expression in EXPRESSIONS:
            yield "{{ " + expression + " }}", VARIABLES
        for template in TEMPLATES:
            yield template, VARIABLES
        for variables in conversations():
            if "tools" not in variables:
                yield CHAT, variables


def main():
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
    environment.filters["tojson"] = to_json
    environment.globals["raise_exception"] = raise_exception
    environment.globals["strftime_now"] = lambda form: datetime.datetime(2024, 7, 5, 14, 3, 9).strftime(form)
    rendered = []
    for template, variables in cases(sys.argv[2:]):
        case = {"template": template}
        if variables is not VARIABLES:
            case["variables"] = variables
        try:
            case["text"] = environment.from_string(template).render(**variables)
        except Exception as e:  # whatever a template can make Python throw
            case["error"] = f"{type(e).__name__}: {e}"
        rendered.append(case)
    with open(sys.argv[1], "w", encoding="utf-8") as file:
        json.dump({"variables": VARIABLES, "cases": rendered}, file, ensure_ascii=False, indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()

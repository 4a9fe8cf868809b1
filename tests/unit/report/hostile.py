"""A preview in which every name and value tries to be something else."""

from __future__ import annotations

from typing import Any

from tests.unit.report.previews import flow_step, resource

ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '"><svg onload=alert(1)>',
    "</code></summary></details><h1>pwned</h1>",
    "`code`@octocat",
    "``` \n# heading",
    "@octocat #123 GH-7 octo/repo#9",
    "[link](https://evil.example)",
    "![image](https://evil.example/x.png)",
    "a | b | c\n|---|---|",
    "**bold** _it_ ~~no~~",
    "](javascript:alert(1))",
    "<!-- comment -->",
    "-->",
    "\x1b[31mred\x1b[0m\x07",
    "\u202egnp.exe\u202c",
    "line\r\nbreak\u2028\u2029\x85end",
    '"];click n0 href "javascript:alert(1)"',
    "n0-->n1;style n0 fill:red",
    "%%{init: {}}%%",
    "$(id) ${HOME} `id`",
    "\ud800 lone",
    "ünïcödé 漢字 🎉 e\u0301",
    "`",
    "``````",
    " ",
    "",
    "&lt;b&gt; &amp; &#64;octocat",
    "x" * 20_000,
    "> [!WARNING]\n> - quoted",
    "https://evil.example/www.evil.example",
    "end",
    "1. list",
    "- list",
    "::set-output name=x::y",
    "\n  ::add-mask::x",
    "##[error]wrong",
    "##vso[task.setvariable variable=x]y",
    "##teamcity[blockOpened name='x']",
    "x\n```\n/merge\n/approve",
]


def steps_of(attack: str, other: str) -> dict[str, Any]:
    return {
        "start": {"kind": "start", "next": [attack + "1", attack + "2"], "image": other},
        attack + "1": {"kind": attack, "next": "end", "memory": 1, "environment": {attack: attack}},
        attack + "2": {"kind": "linear", "next": "end", "decorators": {attack: {attack: attack}}},
        "end": {"kind": "end", "image": attack, "queue": attack, attack: attack, "secrets": [attack]},
    }


def inputs(attack: str, other: str) -> dict[str, Any]:
    return {
        "flow": attack,
        "name": attack + other,
        "steps": steps_of(attack, other),
        "parameters": {attack: {"type": other, "default": other}, other: {"type": attack, attack: other}},
        "configs": {attack: {attack: other}},
        "tags": [other, attack],
        "schedule": {"cron": other, "enabled": True, "timezone": attack},
        "source": {attack: other, "same.py": other},
        "aws_tags": {attack: other},
        "datastore": other,
        "queue": other,
        "table": other,
        attack: other,
    }


def attacking_steps(attack: str) -> list[dict[str, Any]]:
    """A new, a changed and a leaving flow, and resources, all named by the attack."""
    one, other = inputs(attack, "plain"), inputs("plain", attack)
    policy = {"role": "r", "policy": '{"Statement": []}'}
    wider = {"role": "r", "policy": {"Statement": [{"Effect": "Allow", "Action": attack, "Resource": attack}]}}
    machine = "aws:sfn/stateMachine:StateMachine"
    return [
        flow_step("create", None, one, name=attack + "new"),
        flow_step("update", other, one, name="changed"),
        flow_step("update", one, other, name=attack),
        flow_step("delete", one, name=attack + "gone"),
        resource("replace", machine, attack, {"name": attack}, {"name": "b"}, reasons=(attack, "name")),
        resource("update", "aws:iam/rolePolicy:RolePolicy", attack, policy, wider, reasons=(attack,)),
        resource("create", f"x:y:{attack}", attack, None, {}, parent=None),
        resource("delete", "aws:s3/bucket:Bucket", attack, {}, parent=None),
    ]


def diagnostics_of(attack: str) -> list[dict[str, str]]:
    return [{"severity": "error", "message": attack}, {"severity": "warning", "message": f"{attack}\n{attack}"}]

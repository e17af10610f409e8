"""Templates of prompts: the standard ones give the same texts as ever, one's own are confined."""

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlpo_core.chain import experiments
from mlpo_core.chain.stages import STAGES
from mlpo_core.errors import BadInput
from mlpo_core.experiment import Agent, Prompts, load, parse
from mlpo_core.experiment.prompts import LARGEST, NAMES
from mlpo_core.prompts.agent import agent_prompt
from mlpo_core.prompts.connector import connector, connector_prompt
from mlpo_core.prompts.correction import correction_prompt
from mlpo_core.prompts.leader import answers_shown, leader_prompt, with_absent
from mlpo_core.prompts.revision import debate_prompt, revision_prompt
from mlpo_core.prompts.template import compiled, loops, standard, used
from mlpo_core.prompts.variables import VARIABLES
from mlpo_core.types import Task
from tests.support import REPOSITORY

CHOICE = Task(
    "t", "mmlu_pro", "math", "test", "What is {{ 1 }} & <b>?\n", ("a", "bb", "ccc", "dddd", "e"), "A", "option"
)
PLAIN = Task("u", "bbh", "x", "test", "How many?", (), "3", "number")
AGENT = Agent(name="a", model="m")
BRIEF = Agent(name="b", model="m", prompt="Be brief.\nAlways.")
TEAM = "name: own\ntasks: [{benchmark: bbh}]\nteam: {agents: [{name: a, model: m}, {name: b, model: m}]}\n"
LEADER = "leader: {model: m}\n"


def every_text() -> dict[str, str]:
    """What the standard templates give, by what is asked."""
    found: dict[str, str] = {}
    for n, task in (("T", CHOICE), ("U", PLAIN)):
        for k in (0, 1, 3, 12):
            shown = [f"I say {i}.\n" if i % 2 else f"  {{% raw %}}{i}" for i in range(k)]
            found[f"leader {n} {k}"] = leader_prompt(task, shown)
        for m, agent in (("A", AGENT), ("B", BRIEF)):
            found[f"agent {n}{m}"] = agent_prompt(task, agent)
            found[f"revision {n}{m}"] = revision_prompt(task, agent, "own\n\n", "led ")
            for k in (0, 1, 2):
                found[f"debate {n}{m}{k}"] = debate_prompt(task, agent, "mine", [f"o{i}\n" for i in range(k)])
        found[f"connector {n}"] = connector(task, None)
        found[f"connector {n} s"] = connector(task, "5 & <")
        found[f"creq {n}"] = connector_prompt(task, "try\n")
        found[f"correction {n}"] = correction_prompt(task, "I think.\n")
        found[f"absent {n}"] = with_absent(task, "p", 2, 3)
    return found


def test_the_standard_texts_are_what_they_were_byte_for_byte() -> None:
    assert every_text() == json.loads(Path(__file__).with_name("standard.json").read_text("utf-8"))


JUDGED = TEAM.replace("{benchmark: bbh}", "{source: q.jsonl, answer_kind: judge}") + (
    "grading: {judge: {model: j, rubric: Names the cause.}}\n"
)


@pytest.mark.parametrize("left_out", ["question", "gold", "rubric", "answer", "form"])
def test_a_judge_reads_all_that_it_needs(tmp_path: Path, left_out: str) -> None:
    kept = " ".join(f"{{{{ {v} }}}}" for v in ("question", "gold", "rubric", "answer", "form") if v != left_out)
    (tmp_path / "own.yaml").write_text(JUDGED + f"prompts: {{judge: '{kept}'}}\n")
    with pytest.raises(BadInput, match=rf"prompts\.judge, line 1: leaves out {left_out}"):
        experiments.read(str(tmp_path / "own.yaml"))
    (tmp_path / "own.yaml").write_text(JUDGED + f"prompts: {{judge: '{kept} {{{{ {left_out} }}}}'}}\n")
    experiment = experiments.read(str(tmp_path / "own.yaml"))
    seen = STAGES["agent_proposals"].view(experiment)
    assert seen.prompts.judge and STAGES["mlpo_leader"].templates(experiment) == ("leader", "judge")


def test_the_judges_template_is_in_no_key_where_there_is_none() -> None:
    experiment = parse({**dict(name="x", tasks=[{"benchmark": "bbh"}]), "team": {"agents": [AGENT.model_dump()]}}, "x")
    settings = STAGES["agent_proposals"].settings(experiment)
    assert "judge" not in settings["prompts"] and "judge" not in settings["grading"]


def test_the_standard_templates_keep_the_rules_of_ones_own() -> None:
    for name in NAMES:
        source = standard(f"{name}.jinja")
        compiled(source)
        assert {variable for variable, _ in used(source)} <= set(VARIABLES[name])
    whole = {name: standard(f"{name}.jinja") for name in NAMES}
    raw = {"name": "x", "tasks": [{"benchmark": "bbh"}], "team": {"agents": [{"name": "a", "model": "m"}]}}
    experiments.checked(parse({**raw, "prompts": whole}, "x.yaml"), "x.yaml")


def write(tmp_path: Path, text: str, **files: str) -> Path:
    """An experiment with a folder of templates beside it."""
    (tmp_path / "mine").mkdir(exist_ok=True)
    for name, source in files.items():
        (tmp_path / "mine" / f"{name}.jinja").write_text(source)
    path = tmp_path / "own.yaml"
    path.write_text(TEAM + text)
    return path


FOLDER = "prompts: {folder: mine}\n"


def test_a_folder_overrides_templates_one_by_one(tmp_path: Path) -> None:
    path = write(tmp_path, FOLDER, agent="{{ question }}\nThink, {{ instruction or 'please' }}.\n")
    own = experiments.read(str(path)).prompts
    assert agent_prompt(PLAIN, AGENT, own) == "How many?\nThink, please."
    assert agent_prompt(PLAIN, BRIEF, own) == "How many?\nThink, Be brief.\nAlways.."
    assert leader_prompt(PLAIN, ["one"], own) == leader_prompt(PLAIN, ["one"])


def test_text_of_models_is_never_read_as_a_template() -> None:
    own = Prompts(leader="{{ question }}{% for answer in answers %}\n- {{ answer }}{% endfor %}")
    hostile = "{{ ''.__class__.__mro__ }}{% for a in answers %}"
    assert leader_prompt(PLAIN, [hostile, "b"], own) == f"How many?- {hostile}- b"


@pytest.mark.parametrize(
    ("name", "source", "line", "reason"),
    [
        ("agent", "Hello\nyou", 2, "leaves out question"),
        ("agent", "{{ question }}\n{{ qestion }}", 2, "did you mean question?"),
        ("agent", "{{ question }}\n{% if x %", 2, "unexpected|expected"),
        ("agent", "{{ question.__class__ }}", 1, ".__class__ is not allowed"),
        ("agent", "{{ question['x'] }}", 1, "Getitem is not allowed"),
        ("agent", "{{ question }}\n{{ range(10) }}", 2, "Call is not allowed"),
        ("agent", "{{ question * 1000 }}", 1, "Mul is not allowed"),
        ("agent", "{% include 'x' %}", 1, "Include is not allowed"),
        ("agent", "{% macro f() %}{% endmacro %}", 1, "Macro is not allowed"),
        ("agent", "{% set x = question %}{{ x }}", 1, "Assign is not allowed"),
        ("agent", "{% for c in question %}{{ c }}{% endfor %}", 1, "is one text"),
        ("agent", "{{ question | map('upper') }}", 1, "no filter 'map'"),
        ("agent", "{{ question | indent(99999) }}", 1, "number above"),
        ("agent", "{{ '%s' % question }}", 1, "Mod is not allowed"),
        ("agent", "{{ question" + " ~ question" * 900 + " }}", 1, "too often"),
        ("agent", "{{ " + "(" * 5000 + "question" + ")" * 5000 + " }}", 1, "too deeply"),
        ("leader", "{{ question }}", 1, "leaves out answers"),
        ("leader", "{{ question }}{{ answers | first }}", 1, r"leaves out answers \(or some of them, with 2\)"),
        ("leader", "{{ question }}{{ answers | join(answers | join('')) }}", 1, "plain numbers and texts only"),
        ("leader", "{% for a in answers %}{% for b in answers %}{{ a }}{% endfor %}{% endfor %}", 1, "in a loop"),
        ("leader", "{{ question }}{% for a in answers recursive %}{{ loop(a) }}{% endfor %}", 1, "Call|recursive"),
        ("revision", "{{ question }}{{ own }}", 1, "leaves out led"),
        ("debate", "{{ question }}{{ own }}", 1, "leaves out others"),
        ("leader", "{% if answers > 3 %}{{ question }}{% endif %}", 1, "this template fails"),
        ("leader", "{{ question }}{{ loop.index }}", 1, "this template fails"),
        ("agent", "{{ question | indent('x') }}", 1, "a number of spaces"),
        ("agent", "{{ question | indent(9) | trim | indent(9) }}", 1, "stands once"),
        ("agent", "{{ " + "9" * 5000 + " }}", 1, "is no template|number above"),
        ("solo", "\n\nDo it.", 3, "leaves out question"),
        ("connector_request", "{{ question }}", 1, "leaves out attempt"),
    ],
)
def test_a_template_that_cannot_be_used_is_refused_with_file_and_line(tmp_path, name, source, line, reason) -> None:
    path = write(tmp_path, FOLDER, **{name: source})
    with pytest.raises(BadInput, match=reason) as found:
        experiments.read(str(path))
    assert str(found.value).startswith(f"{tmp_path / 'mine' / name}.jinja:{line}: ")
    inline = write(tmp_path, f"prompts: {json.dumps({name: source})}\n")
    with pytest.raises(BadInput, match=reason) as found:
        experiments.read(str(inline))
    assert str(found.value).startswith(f"{inline}: prompts.{name}, line {line}: ")


def test_an_agents_instruction_must_be_shown(tmp_path: Path) -> None:
    path = write(tmp_path, FOLDER, agent="{{ question }}")
    experiments.read(str(path))
    path.write_text(path.read_text().replace("{name: a,", "{name: a, prompt: Be brief,"))
    with pytest.raises(BadInput, match=r"agent\.jinja:1: leaves out instruction"):
        experiments.read(str(path))


@pytest.mark.parametrize(
    ("text", "files", "reason"),
    [
        ("prompts: {folder: none}\n", {}, "none is no folder"),
        (FOLDER, {}, "has no template; expected some of agent.jinja"),
        (FOLDER, {"leadr": "x"}, r"leadr\.jinja: .*did you mean leader\.jinja"),
        (FOLDER, {"agent": " \n"}, r"agent\.jinja: is empty"),
        (FOLDER, {"agent": "x" * (LARGEST + 1)}, "too large"),
        ("prompts: {folder: mine, agent: 'x'}\n", {"agent": "y"}, "keep one of them"),
        ("prompts: {folder: ../mine}\n", {"agent": "y"}, "prompts.folder"),
        ("prompts: {folder: /etc}\n", {}, "prompts.folder"),
        (f"prompts: {{agent: '{'x' * (LARGEST + 1)}'}}\n", {}, "prompts.agent"),
        ("prompts: {agnt: x}\n", {}, "did you mean agent"),
    ],
)
def test_a_folder_that_cannot_be_read_is_refused(tmp_path: Path, text: str, files: dict[str, str], reason: str) -> None:
    with pytest.raises(BadInput, match=reason):
        experiments.read(str(write(tmp_path, text, **files)))


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, FOLDER)
    (tmp_path / "mine" / "agent.jinja").write_bytes(b"good\n\xff\xfe")
    with pytest.raises(BadInput, match=r"agent\.jinja:2: is no UTF-8"):
        load(path)


def test_only_the_file_says_what_models_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = "sweep: {words: {plain: {}, own: {prompts.folder: mine}}}\n"
    path = write(tmp_path, sweep, agent="Q: {{ question }}")
    monkeypatch.setenv("MLPO_EXPERIMENTS", str(tmp_path))
    assert experiments.find("own--words=own").prompts.agent == "Q: {{ question }}"
    assert not experiments.find("own--words=plain").prompts.agent
    for setting in ("prompts.folder=mine", "prompts={agent: x}"):
        for name in ("own", str(path)):
            with pytest.raises(BadInput, match="in the experiment's file"):
                experiments.read(name, (setting,))


def test_a_template_is_in_the_key_of_the_stages_that_use_it_and_its_place_in_none(tmp_path: Path) -> None:
    methods = "benchmark: {methods: [mlpo_leader, debate, greedy]}\n"
    plain = experiments.read(str(write(tmp_path, LEADER + methods)))
    texts = {name: standard(f"{name}.jinja") for name in NAMES}

    def changed(**own: str) -> set[str]:
        other = plain.model_copy(update={"prompts": Prompts(**own)})
        return {asset for asset, stage in STAGES.items() if stage.view(plain) != stage.view(other)}

    report, rounds = {"benchmark_report", "published_leader"}, {"team_rounds", "dev_rounds"}
    assert changed(agent=texts["agent"]) == {"agent_proposals", "benchmark_proposals"} | rounds | report
    assert changed(debate=texts["debate"]) == {"team_rounds"} | report
    assert (
        changed(solo=texts["solo"]) == {"sft_dataset", "mlpo_dataset", "grpo_leader", "score_leader"} | rounds | report
    )
    assert changed(leader=texts["leader"]) == {"sft_dataset", "mlpo_dataset", "mlpo_leader"} | rounds | report
    assert changed(correction=texts["correction"]) == {"score_leader"} | report
    assert changed(connector=texts["connector"]) == {"sft_dataset"} | report
    inline = experiments.read(str(write(tmp_path, f"prompts: {json.dumps({'agent': 'Q {{ question }}'})}\n")))
    filed = experiments.read(str(write(tmp_path, FOLDER, agent="Q {{ question }}")))
    for stage in STAGES.values():
        assert stage.view(inline) == stage.view(filed)


def test_the_audit_finds_answers_in_prompts_of_ones_own_template() -> None:
    essays = ["First.\nThen 12.", "I say 2"]
    for source, last in (
        ("{{ question }}{% for a in answers %}\n[{{ loop.index }}] {{ a }}{% endfor %}", "I say 2"),
        ("{% for a in answers %}* {{ a }}\n{% endfor %}---\n{{ question }}", "I say 2"),
    ):
        own = Prompts(leader=source)
        assert answers_shown(leader_prompt(PLAIN, essays, own), own)[-1].strip() == last
    assert answers_shown(leader_prompt(PLAIN, essays)) == essays


def test_loops_name_what_they_go_through() -> None:
    assert list(loops("\n{% for a in answers %}{% endfor %}")) == [("answers", 2)]


def test_the_page_names_every_template_and_variable() -> None:
    page = (REPOSITORY / "docs" / "how-to" / "own-prompts.md").read_text("utf-8")
    for name, variables in VARIABLES.items():
        assert f"`{name}`" in page or f"`{name}.jinja`" in page
        assert all(f"`{variable}`" in page for variable in variables)


PIECES = (
    *(
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "#}",
        "(",
        ")",
        "[",
        "]",
        ".",
        "'",
        '"',
        "~",
        "not",
        "0",
        "99",
        "\n",
        "\0",
        "é",
        "x",
    ),
    *("{{ question }}", "{{ answers }}", "{{ a }}", "{{ loop.index }}", "| indent(3)", "| join", "__class__"),
    *("{% for a in answers %}", "{% endfor %}", "{% if a %}", "{% else %}", "{% endif %}"),
    *("{% raw %}", "{% block b %}", "{% extends x %}"),
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(st.lists(st.sampled_from(PIECES), max_size=12).map("".join))
def test_whatever_stands_in_a_template_it_is_taken_or_refused(source: str) -> None:
    raw = {"name": "x", "tasks": [{"benchmark": "bbh"}], "team": {"agents": [{"name": "a", "model": "m"}]}}
    with suppress(BadInput):
        experiments.checked(parse({**raw, "prompts": {"leader": source}}, "x.yaml"), "x.yaml")

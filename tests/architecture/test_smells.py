"""What review would reject, found before review."""

from __future__ import annotations

import ast
import re

LOG_CALLS = {"debug", "info", "warning", "error", "exception", "critical", "log"}
# Programs rather than library code: they own their process.
ENTRY_POINTS = {"ig_sdk.simulator.__main__"}
# A lone "token" is one of grammar; those of a login have a first name or come together.
SECRET = re.compile(r"password|passwd|secret|api_?key|_tokens?$|^tokens$|encryption_key|^_*(cst|xst)$", re.IGNORECASE)


def _library(package):
    return [
        source
        for source in package
        if source.name not in ENTRY_POINTS and not source.name.startswith(("ig_sdk.cli", "ig_sdk.testing"))
    ]


def _calls(source):
    return [node for node in ast.walk(source.tree) if isinstance(node, ast.Call)]


def _name(node) -> str:
    """The dotted text of a callee, or what can be told of it."""
    return ast.unparse(node)


def _found(sources, wrong):
    return [source.at(node) for source in sources for node in ast.walk(source.tree) if wrong(node)]


def _imports(node, module: str) -> bool:
    if isinstance(node, ast.Import):
        return any(alias.name.split(".")[0] == module for alias in node.names)
    return isinstance(node, ast.ImportFrom) and not node.level and (node.module or "").split(".")[0] == module


def test_only_the_clock_imports_time(package):
    """Time is a parameter: ``time`` is imported by clock.py and nobody else."""
    others = [source for source in package if source.name != "ig_sdk.clock"]
    assert not _found(others, lambda node: _imports(node, "time"))


def test_only_the_clock_reads_the_date(package):
    """``datetime.now`` and its kin are called by clock.py and nobody else."""
    others = [source for source in package if source.name != "ig_sdk.clock"]
    kin = re.compile(r"(datetime|date)\.(now|utcnow|today)$")
    wrong = [source.at(call) for source in others for call in _calls(source) if kin.search(_name(call.func))]
    assert not wrong


def test_tests_and_examples_do_not_sleep(test_files, programs):
    """A test waits for an event, never for a while; an example shows the same manners."""
    wrong = [
        source.at(call)
        for source in [*test_files, *programs]
        for call in _calls(source)
        if _name(call.func) in {"time.sleep", "sleep"}
    ]
    assert not wrong


def test_no_bare_or_mute_except(package, programs):
    """No ``except:``, and no ``except Exception`` whose whole body is ``pass``."""

    def wrong(node):
        if not isinstance(node, ast.ExceptHandler):
            return False
        broad = node.type is not None and ast.unparse(node.type) in {"Exception", "BaseException"}
        return node.type is None or (broad and all(isinstance(line, ast.Pass) for line in node.body))

    assert not _found([*package, *programs], wrong)


def test_library_does_not_print(package):
    """Library code logs; only the command line and a module's ``__main__`` print."""
    wrong = [source.at(call) for source in _library(package) for call in _calls(source) if _name(call.func) == "print"]
    assert not wrong


def test_log_calls_format_late(package):
    """Log calls take arguments, not f-strings, ``%`` or ``format``."""
    wrong = []
    for source in package:
        for call in _calls(source):
            if isinstance(call.func, ast.Attribute) and call.func.attr in LOG_CALLS and "log" in _name(call.func.value):
                for arg in call.args[:2]:
                    made = isinstance(arg, (ast.JoinedStr, ast.BinOp))
                    if made or (isinstance(arg, ast.Call) and _name(arg.func).endswith(".format")):
                        wrong.append(source.at(call))
    assert not wrong


def test_library_leaves_the_process_alone(package):
    """No exit, signal, atexit, ``__del__`` or logging set-up in library code."""
    wrong = []
    for source in _library(package):
        for node in ast.walk(source.tree):
            called = _name(node.func) if isinstance(node, ast.Call) else ""
            bad = called in {"sys.exit", "exit", "quit", "os._exit", "logging.basicConfig", "logging.disable"}
            bad |= any(_imports(node, module) for module in ("signal", "atexit"))
            bad |= isinstance(node, ast.FunctionDef) and node.name == "__del__"
            bad |= called.endswith(".addHandler") and source.name != "ig_sdk.logs"
            if bad:
                wrong.append(source.at(node))
    assert not wrong


def test_only_config_reads_the_environment(package):
    """``os.environ`` is read in config.py alone, and only when asked to."""
    others = [source for source in _library(package) if not source.name.startswith("ig_sdk.config")]

    def wrong(node):
        taken = (
            {alias.name for alias in node.names} if isinstance(node, ast.ImportFrom) and node.module == "os" else set()
        )
        reads = isinstance(node, ast.Attribute) and _name(node) in {"os.environ", "os.getenv"}
        return reads or bool(taken & {"environ", "getenv"})

    assert not _found(others, wrong)


def test_threads_are_named_and_locks_are_leaves(package):
    """Every thread has a name, and there is no re-entrant lock to hide who owns what."""
    wrong = []
    for source in package:
        for call in _calls(source):
            name = _name(call.func)
            if name in {"threading.Thread", "Thread"} and "name" not in {word.arg for word in call.keywords}:
                wrong.append(source.at(call))
            if name in {"threading.RLock", "RLock", "threading.Timer", "Timer"}:
                wrong.append(source.at(call))
    assert not wrong


def test_queues_are_bounded(package):
    """A queue is made with its bound."""
    kinds = {"Queue", "LifoQueue", "PriorityQueue", "SimpleQueue"}
    wrong = [
        source.at(call)
        for source in package
        for call in _calls(source)
        if _name(call.func).split(".")[-1] in kinds and not (call.args or call.keywords)
    ]
    assert not wrong


def test_no_catch_all_modules(package):
    """No module is named for being a drawer."""
    drawers = {"utils", "util", "helpers", "common", "manager", "models", "constants", "misc"}
    wrong = [source.name for source in package if drawers & set(source.name.split("."))]
    assert not wrong


def test_todos_name_an_issue(package, programs, test_files):
    """Every note of work to be done names its issue."""
    mark = re.compile(r"#.*\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "XX" + "X"]) + r")\b(?!.*#\d+)")
    wrong = [
        f"{source.name}:{number}"
        for source in [*package, *programs, *test_files]
        for number, line in enumerate(source.text.splitlines(), 1)
        if mark.search(line)
    ]
    assert not wrong


def test_ignored_types_have_a_reason(package):
    """``type: ignore`` names its code and says why."""
    ignore = re.compile(r"#\s*type:\s*ignore(?!\[[\w, -]+\]\s+\S)")
    wrong = [
        f"{source.name}:{number}"
        for source in package
        for number, line in enumerate(source.text.splitlines(), 1)
        if ignore.search(line)
    ]
    assert not wrong


def test_the_words_are_kept(package):
    """Names use the glossary: candle, offer, size, level; never the synonyms."""
    banned = {"bar", "bars", "qty", "quantity", "ohlcv"}
    wrong = []
    for source in package:
        for node in ast.walk(source.tree):
            name = next(
                (
                    getattr(node, field)
                    for field in ("name", "attr", "arg", "id")
                    if isinstance(getattr(node, field, None), str)
                ),
                "",
            )
            words = set(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().split("_"))
            if words & banned or name == "ask":
                wrong.append(f"{source.at(node)} {name}")
    assert not wrong


def test_no_secret_in_messages(package):
    """Neither a log call nor the text of an exception mentions a secret's variable."""
    wrong = []
    for source in package:
        for node in ast.walk(source.tree):
            texts = []
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if node.func.attr in LOG_CALLS and "log" in _name(node.func.value):
                    texts = [*node.args, *(word.value for word in node.keywords)]
            elif isinstance(node, ast.Raise) and node.exc is not None:
                texts = [
                    part.value
                    for text in ast.walk(node.exc)
                    if isinstance(text, ast.JoinedStr)
                    for part in text.values
                    if isinstance(part, ast.FormattedValue)
                ]
            for text in texts:
                for part in ast.walk(text):
                    name = getattr(part, "attr", None) or getattr(part, "id", "")
                    if isinstance(name, str) and SECRET.search(name):
                        wrong.append(f"{source.at(node)} {name}")
    assert not wrong


def test_tests_say_what_must_hold(test_files):
    """Each test has a docstring of its own."""
    mute = [
        source.at(function)
        for source in test_files
        if source.path.name.startswith("test_")
        for function, _ in source.functions()
        if function.name.startswith("test_") and not ast.get_docstring(function)
    ]
    assert not mute


def test_unit_tests_mirror_the_package(root):
    """A unit test lies where its module lies, and bears its name, with a topic behind it if need be."""
    homeless = []
    for path in sorted((root / "tests" / "unit").rglob("test_*.py")):
        folder = root / "ig_sdk" / path.parent.relative_to(root / "tests" / "unit")
        words = path.stem.removeprefix("test_").split("_")
        names = {prefix + "_".join(words[: end + 1]) for end in range(len(words)) for prefix in ("", "_")}
        if not any((folder / f"{name}.py").is_file() or (folder / name / "__init__.py").is_file() for name in names):
            homeless.append(str(path.relative_to(root)))
    assert not homeless


def test_tests_mock_none_of_ours(test_files):
    """Tests use the simulator and small fakes; no mock replaces a part of ig_sdk."""
    wrong = []
    for source in test_files:
        for node in ast.walk(source.tree):
            if isinstance(node, (ast.Import, ast.ImportFrom)) and "mock" in ast.unparse(node).split():
                wrong.append(source.at(node))
            if (
                isinstance(node, ast.Call)
                and _name(node.func) == "monkeypatch.setattr"
                and "ig_sdk" in ast.unparse(node)
            ):
                wrong.append(source.at(node))
    assert not wrong

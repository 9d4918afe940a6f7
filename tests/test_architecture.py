"""The layout of docs/architecture.md, held: each stage imports from its left only."""

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parent.parent / "src" / "mien"
STAGES = (
    "errors text config files processes tables face corpora recording emotion risk monitor "
    "evaluation ward workflows console cli"
).split()
NOT_EVEN = {("risk", "emotion"), ("emotion", "recording"), ("monitor", "corpora")}
THIRD_PARTIES = {  # package -> the only stages that may import it
    "pydantic": {"config", "emotion", "risk", "monitor", "evaluation"},
    "filelock": {"files", "corpora"},
    "huggingface_hub": {"corpora"},
    "platformdirs": {"corpora"},
    "pyarrow": {"tables", "corpora", "recording", "emotion", "evaluation", "workflows"},
    "av": {"recording"},
    "ray": {"recording"},
    "cv2": {"recording"},
    "PIL": {"recording"},
    "ai_edge_litert": {"recording", "face"},
    "torch": {"emotion"},
    "captum": {"emotion"},
    "onnx": {"emotion"},
    "onnxruntime": {"emotion"},
    "safetensors": {"emotion"},
    "sklearn": {"corpora", "emotion", "evaluation"},
    "matplotlib": {"evaluation"},
    "jinja2": {"evaluation"},
    "sqlalchemy": {"monitor"},
    "typer": {"cli"},
    "rich": {"console", "cli", "workflows"},
}
FILES = sorted(path for path in SOURCE.rglob("*.py") if path != SOURCE / "__init__.py")


def stage_of(path: Path) -> str:
    return path.relative_to(SOURCE).with_suffix("").parts[0]


def imports(path: Path) -> set[tuple[str, ...]]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {tuple(alias.name.split(".")) for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = tuple((node.module or "").split("."))
            found |= {(*module, alias.name) for alias in node.names}
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_a_module_imports_only_from_stages_to_its_left(path: Path) -> None:
    here = stage_of(path)
    for name in imports(path):
        if name[0] != "mien" or len(name) < 2 or name[1] not in STAGES:
            continue
        there = name[1]
        assert STAGES.index(there) <= STAGES.index(here), f"{here} imports {there}"
        assert (here, there) not in NOT_EVEN


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.relative_to(SOURCE).as_posix())
def test_a_third_party_stays_in_its_stages(path: Path) -> None:
    for name in imports(path):
        allowed = THIRD_PARTIES.get(name[0])
        assert allowed is None or stage_of(path) in allowed, f"{path.name} imports {name[0]}"


def test_every_module_stands_in_a_known_stage() -> None:
    assert {stage_of(path) for path in FILES} <= set(STAGES)


def test_no_module_has_a_name_that_says_nothing() -> None:
    names = {path.stem for path in FILES}
    assert not names & {"utils", "util", "helpers", "common", "manager", "misc"}


def test_every_declared_dependency_is_imported_somewhere() -> None:
    used = {name[0] for path in FILES for name in imports(path)}
    assert set(THIRD_PARTIES) - used <= {"onnx"}  # torch's exporter imports it

"""The documentation tells the truth: pages are fresh, links lead somewhere, nothing is missing."""

import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mien.cli import app
from mien.config import INTENDED_USE
from mien.corpora.sample import SAMPLE_FOLDER
from mien.tables import COLUMN_MEANINGS, COLUMN_TYPES, POINT_COLUMNS

REPO = Path(__file__).parent.parent
PAGES = runpy.run_path(str(REPO / "docs" / "generate.py"))


@pytest.mark.parametrize("name", PAGES["PAGES"])
def test_a_generated_page_is_fresh(name: str) -> None:
    wanted = PAGES["MADE"] + PAGES["PAGES"][name]()
    assert (REPO / "docs" / name).read_text("utf-8") == wanted, "run docs/generate.py"


def test_every_column_is_explained() -> None:
    assert set(COLUMN_TYPES) - set(POINT_COLUMNS) == set(COLUMN_MEANINGS) - {"x_0 … z_477"}


def test_every_verb_has_an_example_in_its_help() -> None:
    for command in app.registered_commands:
        text = command.callback.__doc__ or ""
        assert re.search(rf"Examples?:\s+mien {command.callback.__name__}\b", text)


def test_the_readme_says_what_mien_must_not_be_used_for() -> None:
    text = " ".join((REPO / "README.md").read_text("utf-8").split())
    assert INTENDED_USE in text.replace("> ", "")


@pytest.mark.parametrize("page", ["README.md", "docs/architecture.md", "CHANGELOG.md"])
def test_links_lead_to_files(page: str) -> None:
    text = (REPO / page).read_text("utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    missing = [link for link in links if not ((REPO / page).parent / link).exists()]
    assert not missing


def test_the_readme_s_file_map_is_the_tree() -> None:
    text = (REPO / "README.md").read_text("utf-8")
    stages = {p.name for p in (REPO / "src" / "mien").iterdir() if p.is_dir() and p.name[0] != "_"}
    assert not [stage for stage in stages if f"{stage}/" not in text]


@pytest.mark.slow
def test_the_readme_s_commands_run_and_print_what_it_says(tmp_path: Path) -> None:
    shutil.copytree(
        SAMPLE_FOLDER, tmp_path / "clips", ignore=shutil.ignore_patterns("*.py", "*.txt")
    )
    text = (REPO / "README.md").read_text("utf-8")
    blocks = re.findall(r"```\n\$ (mien .*)\n((?:(?!```).*\n)*)```", text)
    assert len(blocks) == 5
    for command, said in blocks:
        words = [sys.executable, "-m", "mien.cli", *command.split()[1:]]
        ran = subprocess.run(
            words, cwd=tmp_path, capture_output=True, text=True, env=os.environ | {"COLUMNS": "96"}
        )
        assert ran.returncode == 0, ran.stderr
        printed = {line.rstrip() for line in ran.stdout.splitlines()}
        for line in said.splitlines():
            if not re.search(r"\d\.\d", line) and not line.startswith("["):  # figures may differ
                assert line in printed, (command, line)

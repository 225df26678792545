"""The documents: every link in them, and every pointer to them in the code, leads somewhere."""

import json
import re
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

from django.conf import settings
from django.test import SimpleTestCase

ROOT = settings.BASE_DIR

CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)|<img [^>]*src=\"([^\"]+)\"")
HEADING = re.compile(r"^#{1,6} (.+)$", re.MULTILINE)

# A message or a comment that names a document, or a heading in one.
NAMED = re.compile(r"\bdocs/[\w-]+\.md")
POINTER = re.compile(r"\b([\w/-]+\.md|README), “([^”]+)”")


def project_files(suffix: str) -> list[Path]:
    """Return the project's own files whose names end so: none of .venv or .postgres."""
    files = list(ROOT.glob(f"*{suffix}"))
    for folder in ROOT.iterdir():
        if folder.is_dir() and not folder.name.startswith("."):
            files += folder.rglob(f"*{suffix}")
    return sorted(files)


def headings(document: Path) -> list[str]:
    """Return the headings of a document, in their order, as they are written."""
    text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)
    return HEADING.findall(text)


def anchors(document: Path) -> set[str]:
    """Return the anchors that GitHub gives to the headings of a document."""
    found: set[str] = set()
    seen: Counter[str] = Counter()
    for heading in headings(document):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.add(f"{slug}-{seen[slug]}" if seen[slug] else slug)
        seen[slug] += 1
    return found


class Documents(SimpleTestCase):
    def test_link_only_to_files_and_headings_that_are_there(self):
        for document in project_files(".md"):
            for match in LINK.finditer(CODE.sub("", document.read_text())):
                link = match[1] or match[2]
                if re.match(r"[a-z]+:", link):
                    continue
                with self.subTest(f"{document.relative_to(ROOT)}: {link}"):
                    path, _, anchor = unquote(link).partition("#")
                    target = (document.parent / path).resolve() if path else document
                    self.assertTrue(target.exists(), "no such file")
                    if anchor:
                        self.assertIn(anchor, anchors(target), "no such heading")

    def test_are_there_with_the_headings_that_code_names(self):
        for file in project_files(".py"):
            # A message goes on in the next line's literal.
            text = re.sub(r"\"\n\s*f?\"", "", file.read_text())
            for name in NAMED.findall(text):
                with self.subTest(f"{file.relative_to(ROOT)}: {name}"):
                    self.assertTrue((ROOT / name).exists(), "no such file")
            for name, heading in POINTER.findall(text):
                with self.subTest(f"{file.relative_to(ROOT)}: {name}, “{heading}”"):
                    document = ROOT / (name if name.endswith(".md") else f"{name}.md")
                    self.assertIn(heading, headings(document))

    def test_begin_with_a_readme_of_at_most_120_lines(self):
        self.assertLessEqual(len((ROOT / "README.md").read_text().splitlines()), 120)

    def test_have_a_section_in_the_changelog_for_each_version_of_the_contract(self):
        versions = json.loads((ROOT / "schema" / "contract.json").read_text())
        expected = [f"Contract {version['version']}" for version in reversed(versions)]
        sections = [
            heading
            for heading in headings(ROOT / "CHANGELOG.md")
            if re.fullmatch(r"Contract \d+", heading)
        ]
        self.assertEqual(sections, expected)

    def test_name_only_commands_that_the_makefile_has(self):
        makefile = (ROOT / "Makefile").read_text()
        targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
        for document in project_files(".md"):
            for target in re.findall(r"`make ([a-z-]+)`", document.read_text()):
                with self.subTest(f"{document.relative_to(ROOT)}: make {target}"):
                    self.assertIn(target, targets)

"""Runs every rule over the project and its commits. Prints a line for each finding; ends with 1 if any."""

import sys

from tools.tidy import definitions, one_file, signs, subjects
from tools.tidy.project import ROOT, Finding, Project, read_project


def findings(project: Project) -> list[Finding]:
    """The findings of every rule about these files."""
    of_files = [
        found for path, text in project.texts.items() for rule in one_file.RULES for found in rule(path, text)
    ]
    return of_files + [found for rule in (*definitions.RULES, *signs.RULES) for found in rule(project)]


def main() -> int:
    """Print every finding of the project; 1 if there is any."""
    found = [*findings(read_project(ROOT)), *subjects.subjects(ROOT)]
    for finding in found:
        print(finding)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())

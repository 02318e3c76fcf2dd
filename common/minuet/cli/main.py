"""`minuet`: the command line. Starts quickly: what is heavy is imported inside the commands."""

from __future__ import annotations

import sys

import minuet


def main() -> None:
    """Run the command of sys.argv and exit with its code."""
    if sys.argv[1:] in (["version"], ["--version"]):
        # asked for by scripts and prompts: spared the parser, which takes several times as long
        print(f"minuet {minuet.__version__}")
        return

    from minuet.model.errors import MinuetError

    from .app import app

    try:
        app(prog_name="minuet")
    except MinuetError as error:
        from .failures import report_of
        from .output import print_report

        report = report_of(error)
        print_report(report, as_json="--json" in sys.argv)
        sys.exit(report.exit_code)


if __name__ == "__main__":
    main()

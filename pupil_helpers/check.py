"""``python -m pupil_helpers.check``: is this machine ready for the book?

With a file, ``python -m pupil_helpers.check my_file``: is this recording what you think it is?

Nothing imports this module: ``pupil_helpers.check`` is the function that checks an answer.
"""

import sys

from pupil_helpers.teaching.setup_check import look_around, report


def main(arguments: list[str]) -> int:
    """0 if all is well, 1 if something is to be mended, 2 if it was called wrongly."""
    if arguments and not arguments[0].startswith("-"):
        from pupil_helpers.reports.recording_check import main as check_recording

        return check_recording(arguments)
    if arguments:
        usage = "usage: python -m pupil_helpers.check [my_file [--index 12] [--out page.png]]"
        print(usage, file=sys.stderr)
        return 2
    try:
        from pupil_helpers.recordings.transfer import data_folder

        folder = data_folder()
    except ImportError:  # a package is missing; the report says which
        folder = None
    return report(look_around(folder, "osf.io"))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What a person can mend. Any package may import this file."""


class UserError(Exception):
    """Something outside the program is wrong: a file, a setting, a missing part. The message is one line, the cause and
    the remedy; manage.py prints it and exits with 1. Never raised for a defect of the program's own."""

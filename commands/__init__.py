"""The command line, a file per verb: each parses its arguments and calls one function of one package.

Nothing heavy is imported before a command runs, so `--help` is instant and `drive` never loads TensorFlow.
"""

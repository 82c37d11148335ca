"""The command `spinalnet`, a file each subcommand: `add(commands)` adds its parser, `run` does it."""

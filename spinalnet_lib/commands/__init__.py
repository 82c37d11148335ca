"""The subcommands of `spinalnet`, a file each: `add(commands)` adds its parser, `run` does it."""

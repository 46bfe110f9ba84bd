"""`python3 -m demo`: the story; `python3 -m demo down`: away with it."""

import sys

from setup.engine_api import EngineError
from setup.say import SetupError, line, problem

from demo.down import take_away
from demo.story import play


def main(arguments: list[str]) -> int:
    """The command line: 0 when the whole story came true, 2 for wrong usage, else what failed."""
    if arguments not in ([], ["down"]):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        take_away() if arguments else play()
    except SetupError as error:
        problem(error)
        return error.code
    except EngineError as error:
        problem(SetupError(f"the engine: {error}", "Is it still running?  docker info"))
        return 5
    except OSError as error:
        problem(SetupError(f"the shop does not answer: {error}", "tabib ps -a; make demo-down"))
        return 1
    except KeyboardInterrupt:
        line("\n  stopped. `make demo` goes on from here; `make demo-down` takes all away.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

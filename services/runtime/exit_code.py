"""How the processes of this project end: with a sentence and an exit code, never with a traceback."""

from collections.abc import Callable

from services.runtime.logs import complain, start_logging
from services.runtime.settings import SettingsError


def exit_code_of(run: Callable[[], None], unavailable: tuple[type[Exception], ...]) -> int:
    """Run a process until it was asked to end: 0. Else the reason goes to standard error. 1: the plan or a file is
    wrong; 2: a setting is; 3: a part that it needs is not there (`unavailable`)."""
    start_logging()
    try:
        run()
    except SettingsError as error:
        complain(error)
        return 2
    except unavailable as error:
        complain(error)
        return 3
    except ValueError as error:
        complain(error)
        return 1
    except OSError as error:
        complain(f"{error.filename}: {error.strerror}" if error.filename else error)
        return 1
    return 0

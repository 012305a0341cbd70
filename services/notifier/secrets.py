"""The secrets that contacts.toml names: addresses of robots, passwords, keys. The environment or a folder has them."""

from collections.abc import Mapping
from pathlib import Path

from services.notifier.channels.account import MissingSecret
from services.runtime.settings import Settings, secret_variable, secrets_in_environment

_LARGEST = 16 * 1024


class Secrets:
    """Looks up secrets by name. It has no list of them, and shows none."""

    def __init__(self, folder: Path | None, given: Mapping[str, str]) -> None:
        """`given`: environment variable → secret. They go before the files of the folder."""
        self._folder = folder
        self._given = given

    @classmethod
    def of(cls, settings: Settings) -> "Secrets":
        """With the environment of this process."""
        return cls(settings.secrets, secrets_in_environment())

    def __call__(self, name: str) -> str:
        """The secret. Raises MissingSecret, which says where it was looked for."""
        text = self._given.get(secret_variable(name)) or self._of_file(name)
        text = text.strip()
        if not text:
            raise MissingSecret(f"secret {name}: is not there; {self._remedy(name)}")
        if not text.isascii() or not text.isprintable():
            raise MissingSecret(f"secret {name}: holds characters that no address and no password has; write it anew")
        return text

    def _of_file(self, name: str) -> str:
        if self._folder is None:
            return ""
        try:
            with (self._folder / name).open("rb") as file:
                return file.read(_LARGEST).decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
        except OSError as error:
            raise MissingSecret(
                f"secret {name}: its file cannot be read ({error.strerror}); {self._remedy(name)}"
            ) from None

    def _remedy(self, name: str) -> str:
        folder = self._folder or "the folder of KPIWATCH_SECRETS"
        return f"set {secret_variable(name)}, or write it to the file {name} in {folder}"

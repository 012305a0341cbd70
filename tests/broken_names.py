"""Header names as a client in C may write them: any bytes."""


class GbkName(str):
    """A name that a client in Python writes in GBK where it means to write UTF-8."""

    __slots__ = ()

    def encode(self, encoding: str = "utf-8", errors: str = "strict") -> bytes:
        """Its bytes in GBK."""
        return super().encode("gbk", errors)

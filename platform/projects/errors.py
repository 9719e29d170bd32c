"""The one exception that carries a message for a person."""

from collections.abc import Mapping, Sequence


class AppError(Exception):
    """Something the user asked for cannot be done; shown once, as a page message or as the API's error.

    Parameters
    ----------
    message : str
        A whole sentence for a person.
    code : str
        A stable word for programs, such as ``"file_refused"``.
    status : int
        The HTTP status of the answer.
    fields : Mapping[str, Sequence[str]] | None
        Messages by the name of the field they are about.
    """

    def __init__(
        self,
        message: str,
        *,
        code: str,
        status: int = 400,
        fields: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code
        self.status = status
        self.fields = {name: list(messages) for name, messages in (fields or {}).items()}

"""Files to import, and how."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from rewards.formats.registry import ImportFormat
from rewards.models import ImportBatch

OPTION_PREFIX = "option_"


class _FilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class _FilesField(forms.FileField):
    """One or more files."""

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        files = data if isinstance(data, list | tuple) else [data]
        return [super(_FilesField, self).clean(file, initial) for file in files]


class ImportForm(forms.Form):
    """The choices of one format: its files and its own options, and what to do with conflicts and faults."""

    on_conflict = forms.ChoiceField(
        label=_("Stored under the same id with other content"),
        choices=[
            (ImportBatch.OnConflict.NEW_VERSION, _("Make a new version; judgments stay with the old one")),
            (ImportBatch.OnConflict.ROW_ERROR, _("Leave it as it is and report the row")),
        ],
        initial=ImportBatch.OnConflict.NEW_VERSION,
        widget=forms.RadioSelect,
    )
    on_error = forms.ChoiceField(
        label=_("Rows that cannot be read"),
        choices=[
            (ImportBatch.OnError.KEEP_GOOD, _("Take the good rows and list the others")),
            (ImportBatch.OnError.REFUSE, _("Refuse the whole import if there is one")),
        ],
        initial=ImportBatch.OnError.KEEP_GOOD,
        widget=forms.RadioSelect,
    )

    def __init__(self, *args: Any, import_format: ImportFormat, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._options = import_format.options
        files = _FilesField(
            help_text=_("%(extensions)s, UTF-8. Several are read as one.")
            % {"extensions": " or ".join(import_format.extensions)},
            widget=_FilesInput({"accept": ",".join(import_format.extensions)}),
        )
        options = {
            OPTION_PREFIX + option.name: forms.CharField(
                label=_(option.title), help_text=_(option.help), initial=option.default, required=False, max_length=200
            )
            for option in import_format.options
        }
        self.fields = {"files": files, **options, **self.fields}

    @property
    def uploads(self) -> Sequence["UploadedFile[Any]"]:
        """The files; only after validation."""
        files: list[UploadedFile[Any]] = self.cleaned_data["files"]
        return files

    def options(self) -> dict[str, str]:
        """The format's options that were filled in."""
        given = {option.name: self.cleaned_data[OPTION_PREFIX + option.name] for option in self._options}
        return {name: value for name, value in given.items() if value}

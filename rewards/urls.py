"""Pages of the rewards app."""

from django.urls import URLPattern, path

from rewards.views import exports, imports, judgments, marks, outputs, reaggregation, rubric_editor, rubrics, tasks

app_name = "rewards"
urlpatterns: list[URLPattern] = [
    path("p/<slug:slug>/tasks/", tasks.task_list, name="task-list"),
    path("p/<slug:slug>/tasks/<int:pk>/", tasks.task_detail, name="task-detail"),
    path("p/<slug:slug>/tasks/<int:pk>/diff/<int:other>/", tasks.task_diff, name="task-diff"),
    path("p/<slug:slug>/outputs/<int:pk>/", outputs.output_detail, name="output-detail"),
    path("p/<slug:slug>/signals/<int:pk>/", outputs.signal_detail, name="signal-detail"),
    path("p/<slug:slug>/judgments/<int:pk>/replies/", judgments.judgment_replies, name="judgment-replies"),
    path("p/<slug:slug>/marks/<int:pk>/review/", marks.mark_review, name="mark-review"),
    path("p/<slug:slug>/tasks/<int:pk>/rubric/", rubric_editor.task_rubric_create, name="task-rubric-create"),
    path("p/<slug:slug>/rubrics/", rubrics.rubric_list, name="rubric-list"),
    path("p/<slug:slug>/rubrics/new/", rubric_editor.rubric_create, name="rubric-create"),
    path("p/<slug:slug>/rubrics/paste/", rubric_editor.rubric_paste, name="rubric-paste"),
    path("p/<slug:slug>/rubrics/lint/", rubric_editor.rubric_lint, name="rubric-lint"),
    path("p/<slug:slug>/rubrics/<int:pk>/", rubrics.rubric_version, name="rubric-detail"),
    path("p/<slug:slug>/rubrics/<int:pk>/edit/", rubric_editor.rubric_edit, name="rubric-edit"),
    path("p/<slug:slug>/rubrics/<int:pk>/archive/", rubrics.rubric_archive, name="rubric-archive"),
    path("p/<slug:slug>/rubrics/<int:pk>/diff/", rubrics.rubric_diff, name="rubric-diff"),
    path("p/<slug:slug>/rubrics/<int:pk>/weights/", reaggregation.rubric_reaggregate, name="rubric-reaggregate"),
    path("p/<slug:slug>/rubrics/<int:pk>/versions/<int:number>/", rubrics.rubric_version, name="rubric-version"),
    path("p/<slug:slug>/rubrics/<int:pk>/versions/<int:number>/export/", rubrics.rubric_export, name="rubric-export"),
    path("p/<slug:slug>/imports/", imports.import_list, name="import-list"),
    path("p/<slug:slug>/imports/new/", imports.import_create, name="import-create"),
    path("p/<slug:slug>/imports/<int:pk>/", imports.import_detail, name="import-detail"),
    path("p/<slug:slug>/imports/<int:pk>/errors/", imports.import_errors, name="import-errors"),
    path("p/<slug:slug>/imports/<int:pk>/undo/", imports.import_undo, name="import-undo"),
    path("p/<slug:slug>/exports/", exports.export_list, name="export-list"),
    path("p/<slug:slug>/exports/new/", exports.export_create, name="export-create"),
    path("p/<slug:slug>/exports/preview/", exports.export_preview, name="export-preview"),
    path("p/<slug:slug>/exports/<int:pk>/", exports.export_detail, name="export-detail"),
    path("p/<slug:slug>/exports/<int:pk>/archive/", exports.export_archive, name="export-archive"),
    path("p/<slug:slug>/exports/<int:pk>/files/<int:file>/", exports.export_file, name="export-file"),
    path("p/<slug:slug>/exports/<int:pk>/cancel/", exports.export_cancel, name="export-cancel"),
    path("p/<slug:slug>/exports/<int:pk>/delete/", exports.export_delete, name="export-delete"),
]

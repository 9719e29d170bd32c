"""Pages of the rewards app."""

from django.urls import URLPattern, path

from rewards.views import outputs, reaggregation, rubric_editor, rubrics, tasks

app_name = "rewards"
urlpatterns: list[URLPattern] = [
    path("p/<slug:slug>/tasks/", tasks.task_list, name="task-list"),
    path("p/<slug:slug>/tasks/<int:pk>/", tasks.task_detail, name="task-detail"),
    path("p/<slug:slug>/tasks/<int:pk>/diff/<int:other>/", tasks.task_diff, name="task-diff"),
    path("p/<slug:slug>/outputs/<int:pk>/", outputs.output_detail, name="output-detail"),
    path("p/<slug:slug>/signals/<int:pk>/", outputs.signal_detail, name="signal-detail"),
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
]

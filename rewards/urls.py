"""Pages of the rewards app."""

from django.urls import URLPattern, path

from rewards.views import outputs, tasks

app_name = "rewards"
urlpatterns: list[URLPattern] = [
    path("p/<slug:slug>/tasks/", tasks.task_list, name="task-list"),
    path("p/<slug:slug>/tasks/<int:pk>/", tasks.task_detail, name="task-detail"),
    path("p/<slug:slug>/tasks/<int:pk>/diff/<int:other>/", tasks.task_diff, name="task-diff"),
    path("p/<slug:slug>/outputs/<int:pk>/", outputs.output_detail, name="output-detail"),
    path("p/<slug:slug>/signals/<int:pk>/", outputs.signal_detail, name="signal-detail"),
]

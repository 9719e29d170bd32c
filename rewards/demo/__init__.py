"""The demo project's data: tasks, rubrics and sampled outputs, as README.md beside this file tells."""

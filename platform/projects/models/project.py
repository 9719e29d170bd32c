"""A project, its members and their roles."""

from django.conf import settings
from django.db import models
from django.utils.translation import gettext, gettext_noop
from django.utils.translation import gettext_lazy as _

from projects.querysets.membership import MembershipQuerySet
from projects.querysets.project import ProjectQuerySet


class Role(models.TextChoices):
    OWNER = "owner", _("Owner")
    MANAGER = "manager", _("Manager")
    ANNOTATOR = "annotator", _("Annotator")
    VIEWER = "viewer", _("Viewer")

    @property
    def words(self) -> str:
        """What a person with the role is called in the middle of a sentence."""
        return gettext(_IN_A_SENTENCE[self.value])


_IN_A_SENTENCE = {
    "owner": gettext_noop("owner"),
    "manager": gettext_noop("manager"),
    "annotator": gettext_noop("annotator"),
    "viewer": gettext_noop("viewer"),
}


class Fate(models.TextChoices):
    """What becomes of a person's judgments when the person's account is deleted."""

    PSEUDONYM = "pseudonym", _("Keep them under the rater's pseudonym")
    PURGE = "purge", _("Erase them with the person")


class Project(models.Model):
    """Everything that is judged together; the unit of access and of partitioning."""

    slug = models.SlugField(max_length=80, unique=True)
    name = models.CharField(max_length=200)
    description = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="created_projects"
    )
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, through="projects.Membership", related_name="projects")
    task_count = models.PositiveBigIntegerField(default=0)
    output_count = models.PositiveBigIntegerField(default=0)
    judgment_count = models.PositiveBigIntegerField(default=0)
    fate_of_judgments = models.CharField(max_length=9, choices=Fate, default=Fate.PSEUDONYM)
    """Of people who delete their account; shown to them before they do."""
    retention = models.JSONField(default=dict)
    """Days by kind of `projects.retention.KINDS`; what is not named is kept."""
    deletion_asked_at = models.DateTimeField(null=True)
    """Set: it is hidden from everybody, and its owners may restore it until `deletion_due_at`."""
    deletion_due_at = models.DateTimeField(null=True)
    deletion_asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="projects_to_delete"
    )
    deletion_progress = models.JSONField(default=dict)
    """`rows_total` and `rows_gone` once it is being erased: nobody can restore it any more."""

    objects = ProjectQuerySet.as_manager()

    viewer_role: str
    """Not a column: the role of the person it was loaded for, set by `visible_to`."""

    class Meta:
        constraints = [
            models.CheckConstraint(condition=models.Q(fate_of_judgments__in=Fate.values), name="project_fate_known"),
            models.CheckConstraint(
                condition=models.Q(deletion_asked_at__isnull=True, deletion_due_at__isnull=True)
                | models.Q(deletion_asked_at__isnull=False, deletion_due_at__isnull=False),
                name="project_deletion_has_due",
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return f"/p/{self.slug}/"


class Membership(models.Model):
    """One person's role in one project."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="memberships")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=10, choices=Role)
    created_at = models.DateTimeField(auto_now_add=True)
    hides_guide = models.BooleanField(default=False)
    """The list of first steps on the project's front page was put away."""

    objects = MembershipQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "user"], name="membership_one_role"),
            models.CheckConstraint(condition=models.Q(role__in=Role.values), name="membership_role_known"),
        ]

    def __str__(self) -> str:
        return f"{self.user} is {self.role} of {self.project}"

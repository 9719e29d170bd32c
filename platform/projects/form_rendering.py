"""How `{{ form }}` looks: rows from templates/forms/, widgets as Django ships them."""

from django.forms.renderers import TemplatesSetting


class FormRenderer(TemplatesSetting):
    """Django's FORM_RENDERER: label, control, help and errors of a field stand together."""

    form_template_name = "forms/form.html"
    field_template_name = "forms/field.html"

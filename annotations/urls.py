"""Pages of the annotations app."""

from django.urls import URLPattern, path

from annotations.views import answering, campaigns, quality, studies

app_name = "annotations"

study_urls = [
    path("p/<slug:slug>/compare/", studies.study_list, name="study-list"),
    path("p/<slug:slug>/compare/new/<slug:kind>/", studies.study_create, name="study-create"),
    path("p/<slug:slug>/compare/<int:pk>/", studies.study_detail, name="study-detail"),
    path("p/<slug:slug>/compare/<int:pk>/delete/", studies.study_delete, name="study-delete"),
]

campaign_urls = [
    path("p/<slug:slug>/campaigns/", campaigns.campaign_list, name="campaign-list"),
    path("p/<slug:slug>/campaigns/new/", campaigns.campaign_create, name="campaign-create"),
    path("p/<slug:slug>/campaigns/preview/", campaigns.campaign_preview, name="campaign-preview"),
    path("p/<slug:slug>/campaigns/question/", campaigns.question_add, name="question-add"),
    path("p/<slug:slug>/campaigns/<int:pk>/", campaigns.campaign_detail, name="campaign-detail"),
    path("p/<slug:slug>/campaigns/<int:pk>/items/", campaigns.campaign_items, name="campaign-items"),
    path("p/<slug:slug>/campaigns/<int:pk>/quality/", quality.campaign_quality, name="campaign-quality"),
    path("p/<slug:slug>/campaigns/<int:pk>/questions/", campaigns.protocol_edit, name="protocol-edit"),
    *(
        path(
            f"p/<slug:slug>/campaigns/<int:pk>/{change}/",
            campaigns.campaign_status,
            {"change": change},
            name=f"campaign-{change}",
        )
        for change in campaigns.STATUS_CHANGES
    ),
]

answering_urls = [
    path("p/<slug:slug>/campaigns/<int:pk>/start/", answering.campaign_start, name="campaign-start"),
    path("p/<slug:slug>/campaigns/<int:pk>/next/", answering.item_next, name="item-next"),
    path("annotate/<int:pk>/", answering.annotate, name="annotate"),
    path("annotate/<int:pk>/resume/", answering.item_regain, name="item-regain"),
    path("annotate/<int:pk>/undo/", answering.submit_undo, name="submit-undo"),
]

urlpatterns: list[URLPattern] = [*study_urls, *campaign_urls, *answering_urls]

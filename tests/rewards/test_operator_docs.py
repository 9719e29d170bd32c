"""The documents of operators: written from the declarations, and current."""

from xml.etree import ElementTree

from django.core.management import call_command

from rewards.advantages.registry import ESTIMATORS
from rewards.composer.operator_docs import PAGE, documents
from rewards.shaping.registry import OPERATORS


def test_every_operator_and_estimator_stands_on_the_page_with_formula_and_source():
    page = documents()[PAGE]
    for one in (*OPERATORS.values(), *ESTIMATORS.values()):
        assert f"(`{one.name}`)" in page
        assert f"    {one.formula}\n" in page
        assert all(paper.arxiv in page for paper in one.papers)


def test_every_picture_is_an_image_by_itself_with_its_numbers_in_words():
    pictures = {name: text for name, text in documents().items() if name.endswith(".svg")}
    assert len(pictures) == len(OPERATORS)
    for name, text in pictures.items():
        root = ElementTree.fromstring(text)
        assert root.tag == "{http://www.w3.org/2000/svg}svg", name
        assert "Result: " in root.attrib["aria-label"], name


def test_the_documents_in_the_repository_are_those_of_today():
    # Says which files are not, and the command that writes them.
    call_command("document_operators", check=True)

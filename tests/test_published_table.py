"""The tables of docs/models.md: every published file can be converted, and a section takes the place of its old self."""

from benchmarks.common import write_section
from benchmarks.models import files, net_of


def test_every_file_of_a_wheel_holds_a_net_that_is_built_here():
    assert len([net_of(card) for card, _ in files([])]) > 15


def test_a_section_takes_the_place_of_its_old_self(tmp_path):
    path = tmp_path / "page.md"
    path.write_text("# Page\n\nwords\n\n## One\n\nold\n\n### Part\n\n## Two\n\nkept\n", "utf-8")
    write_section(path, "## One\n\nnew\n")
    assert path.read_text("utf-8") == "# Page\n\nwords\n\n## One\n\nnew\n\n## Two\n\nkept\n"

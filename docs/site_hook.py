"""For the site of the documents (`make docs`): README as its first page, and links where a text names a document."""

import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File, Files

DOCUMENT = re.compile(r"`(?:docs/)?(\w+)\.md`")


def on_files(files: Files, config: Any) -> Files:
    """Add README as `index.md`."""
    readme = Path(config.config_file_path).with_name("README.md")
    files.append(File.generated(config, "index.md", content=readme.read_text("utf-8").replace("](docs/", "](")))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """`docs/speed.md` in a text becomes a link to that page."""

    def link(found: re.Match[str]) -> str:
        name = f"{found[1]}.md"
        return f"[{found[1]}]({name})" if files.get_file_from_path(name) else found[0]

    return DOCUMENT.sub(link, markdown)

"""Hook of mkdocs: the repository's own pages in the site, and links that leave `docs/`.

README, CONTRIBUTING and CHANGELOG stand at the repository's root, where GitHub shows them; the site has them too,
README as its first page. All links in the sources are relative, as GitHub takes them. In the site a link to a page
leads to the page there, and one to any other file to the repository at `extra.repository`. Where no address of the
repository is known, such a link is shown as its text alone. A link to a file that does not exist is left for mkdocs,
which refuses it.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT_PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""File of the repository's root → page of the site."""
BRANCH = "main"
_FENCED_OR_LINK = re.compile(
    r"(?P<fenced>^ *```.*?^ *```)|(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^)\s]+)\)",
    re.MULTILINE | re.DOTALL,
)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the repository's root."""
    for source, name in ROOT_PAGES.items():
        text = (_root(config) / source).read_text(encoding="utf-8")
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Make the links of a page those of the site."""
    name = page.file.src_uri
    source = next((root for root, site in ROOT_PAGES.items() if site == name), f"docs/{name}")
    return site_links(markdown, source, _root(config), config.extra["repository"])


def site_links(markdown: str, source: str, root: Path, repository: str) -> str:
    """Make relative links of the repository those of the site.

    Args:
        markdown: text of the page; what stands in fenced code is left as it is.
        source: file of the page, from the repository's root.
        root: the repository's root, in which the linked files are looked up.
        repository: address of the repository; empty: links to its files become text.
    """

    def replaced(match: re.Match[str]) -> str:
        if match["fenced"] or re.match(r"[a-z]+:", match["target"]):
            return match[0]
        path, hash_sign, heading = match["target"].partition("#")
        if not path:
            return match[0]
        target = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        page = _page_of(target)
        if page is not None:
            link = posixpath.relpath(page, posixpath.dirname(_page_of(source) or "") or ".")
        elif not (root / target).exists():
            return match[0]
        elif not repository:
            return match["text"]
        else:
            kind = "tree" if (root / target).is_dir() else "blob"
            link = f"{repository.rstrip('/')}/{kind}/{BRANCH}/{target}"
        return f"{match['image']}[{match['text']}]({link}{hash_sign}{heading})"

    return _FENCED_OR_LINK.sub(replaced, markdown)


def _page_of(path: str) -> str | None:
    """What a file of the repository is called in the site; None if it is not in it."""
    return path.removeprefix("docs/") if path.startswith("docs/") else ROOT_PAGES.get(path)


def _root(config: MkDocsConfig) -> Path:
    return Path(config.config_file_path).parent

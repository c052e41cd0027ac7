"""Check the built site: every link within it leads somewhere, and no page asks another server for anything."""

from __future__ import annotations

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

BUILT = Path(__file__).parent / "_build" / "html"
ASKED = {
    "script": "src",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
}


class Page(HTMLParser):
    """What a page has: places that links may lead to, links, and what a browser fetches by itself."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value is not None}
        self.ids.update(given[name] for name in ("id", "name") if name in given)
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag == "link" and given.get("rel") not in ("canonical", "search"):
            self.fetched.append(given.get("href", ""))
        if tag in ASKED and "src" in given:
            self.fetched.append(given["src"])


def faults(folder: Path) -> list[str]:
    """Return what is wrong with the pages of a folder, a line each."""
    pages = {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")}
    found = []
    for path, page in pages.items():
        place = path.relative_to(folder.resolve())
        found += [f"{place} fetches {address}" for address in page.fetched if urlsplit(address).netloc]
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                found.append(f"{place} links to {link}, which is not there")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
                found.append(f"{place} links to {link}, and there is no such place in it")
    if not pages:
        found.append(f"there are no pages in {folder}")
    return sorted(set(found))


def main() -> int:
    found = faults(BUILT)
    for line in found:
        print(line)
    print(f"{len(list(BUILT.rglob('*.html')))} pages, {len(found)} faults")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())

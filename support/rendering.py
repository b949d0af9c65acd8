"""Markdown that staff wrote, as HTML that does nothing."""

from functools import lru_cache

import nh3
from django.utils.safestring import SafeString, mark_safe
from markdown import Markdown
from markdown.extensions.toc import TocExtension

# No image: other hosts' are not loaded (CSP), and the site has none to give.
TAGS = frozenset(
    {
        *("h2", "h3", "h4", "h5", "h6", "p", "br", "hr", "blockquote", "pre"),
        *("ul", "ol", "li", "dl", "dt", "dd", "table", "thead", "tbody", "tr", "th", "td"),
        *("a", "abbr", "b", "code", "em", "i", "s", "strong", "sub", "sup", "u"),
    }
)
ATTRIBUTES = {"a": {"href", "title"}, "abbr": {"title"}, "ol": {"start"}}
SCHEMES = frozenset({"http", "https", "mailto", "tel"})


@lru_cache(maxsize=64)
def render(text: str, *, top: int = 2) -> SafeString:
    """Return markdown as HTML with a short list of tags; its greatest heading is of the level `top`.

    The page has its one `h1` already. Cached: what is on every page is made once by each process.
    """
    markdown = Markdown(extensions=["tables", "sane_lists", TocExtension(baselevel=top)])
    html = nh3.clean(
        markdown.convert(text),
        tags=set(TAGS),
        attributes=ATTRIBUTES,
        url_schemes=set(SCHEMES),
        link_rel="nofollow noopener",
    )
    return mark_safe(html)  # noqa: S308 (cleaned just now)

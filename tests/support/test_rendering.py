import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.rendering import render


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("Hello *you*", "<p>Hello <em>you</em></p>"),
        ("# A\n\n## B", "<h2>A</h2>\n<h3>B</h3>"),
        ("###### F", "<h6>F</h6>"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        ("3. a", '<ol start="3">\n<li>a</li>\n</ol>'),
        ("[x](/pages/faq/)", '<p><a href="/pages/faq/" rel="nofollow noopener">x</a></p>'),
        ("[x](https://a.example/)", '<p><a href="https://a.example/" rel="nofollow noopener">x</a></p>'),
        ("<a@b.example>", "mailto:a@b.example"),
        ("a < b & c", "<p>a &lt; b &amp; c</p>"),
        ("|a|b|\n|-|-:|\n|1|2|", "<td>1</td>"),
        ("", ""),
    ],
)
def test_markdown_becomes_html(written: str, shown: str) -> None:
    assert shown in render(written)


def test_headings_of_an_announcement_begin_lower() -> None:
    assert render("# A\n\n## B", top=3) == "<h3>A</h3>\n<h4>B</h4>"


@pytest.mark.parametrize(
    "written",
    [
        "<script>alert(1)</script>",
        "<style>p{}</style>",
        "[x](javascript:alert(1))",
        "[x](JaVaScRiPt:alert(1))",
        "[x](data:text/html,x)",
        '<a href="vbscript:x">x</a>',
        '<p onclick="x" style="color:red" class="c" id="content">x</p>',
        "<h1>x</h1>",
        "![x](https://evil.example/x.png)",
        "<img src=/x onerror=alert(1)>",
        "<iframe src=https://evil.example></iframe>",
        "<form action=/orders/new/><input name=x><button>x</button></form>",
        '<a href="/" target="_blank" rel="opener">x</a>',
        "<svg><script>alert(1)</script></svg>",
        "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
        "<!-- x --><base href=https://evil.example>",
    ],
)
def test_what_acts_or_loads_is_left_out(written: str) -> None:
    html = str(render(written)).lower()
    for bad in (
        *(
            "<script",
            "<style",
            "script:",
            "data:",
            " on",
            "style=",
            "class=",
            "id=",
            "<h1",
            "<img",
            "<iframe",
        ),
        *("<form", "<input", "<button", "target=", 'rel="opener', "<svg", "<base", "<!--"),
    ):
        assert bad not in html, bad


TAGS = st.sampled_from(
    [
        "a",
        "p",
        "img",
        "script",
        "svg",
        "math",
        "style",
        "h1",
        "b",
        "table",
        "td",
        "form",
        "iframe",
        "base",
        "object",
    ]
)
HOSTILE = st.lists(
    st.one_of(
        st.text(max_size=5),
        TAGS.map("<{}>".format),
        TAGS.map("</{}>".format),
        TAGS.map("<{} href=javascript:x onload=y style=z src=//e.example>".format),
        st.sampled_from(["[x](javascript:y)", "![x](//e.example)", "\n\n", "# ", "|", "`", "<!--", "&#"]),
    ),
    max_size=12,
).map("".join)


@given(HOSTILE)
def test_whatever_is_written_does_nothing(written: str) -> None:
    html = str(render(written))
    for bad in ("<script", "<img", "<svg", "<style", "<iframe", "<form", "<base", "<object", "<h1"):
        assert bad not in html
    assert 'href="javascript' not in html

"""The page in a real browser: drawn, sorted, chosen from, saved, and left alone."""

import csv
import io
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page

from .conftest import Visit


pytestmark = pytest.mark.browser


def opacities(page: Page, figure: str, role: str) -> set[str]:
    """Returns the opacities of the marks of a figure that say who they are."""
    marks = page.locator(f"#figure-{figure} svg [aria-roledescription='{role}']")
    return set(marks.evaluate_all("all => all.map(m => m.getAttribute('opacity'))"))


def column(table: Locator, place: int) -> list[str]:
    """Returns the first lines of a column's cells."""
    cells = table.locator(f"tbody td:nth-child({place})")
    return cells.evaluate_all("all => all.map(c => c.firstChild.textContent)")


def colors(page: Page) -> tuple[str, str]:
    """Returns the colors of the page's paper and ink."""
    style = "getComputedStyle(document.body)"
    return page.evaluate(f"[{style}.backgroundColor, {style}.color]")


def saved(page: Page, figure: str, kind: str, folder: Path) -> str:
    """Returns what a figure's button saves."""
    with page.expect_download() as download:
        page.locator(f"#figure-{figure} [data-save={kind}]").click()
    assert download.value.suggested_filename == f"{figure}.{kind}"
    path = folder / f"{figure}.{kind}"
    download.value.save_as(path)
    return path.read_text(encoding="utf-8")


def test_every_figure_is_drawn_in_silence(visit: Visit):
    figures = visit.page.locator("figure").count()
    assert figures > 8
    assert visit.page.locator("figure svg").count() == figures
    assert visit.said == []


def test_no_request_leaves_the_page(visit: Visit):
    assert [url for url in visit.asked if not url.startswith("file:")] == []
    assert len(visit.asked) == 1


@pytest.mark.parametrize("width", [400, 1280])
def test_a_page_of_480_runs_fits(browser: Browser, large_file: Path, width: int):
    context = browser.new_context(viewport={"width": width, "height": 900})
    visit = Visit(context, large_file)
    assert visit.page.evaluate("document.documentElement.scrollWidth") == width
    assert visit.said == []
    context.close()


def test_a_head_sorts_both_ways(visit: Visit):
    table = visit.page.locator("#leaderboard table").first
    assert column(table, 2) == ["gru", "lstm", "elman"]
    head = table.locator("th:nth-child(4) button")
    head.click()
    rising = [float(text) for text in column(table, 4)]
    assert rising == sorted(rising)
    assert column(table, 2) == ["elman", "lstm", "gru"]
    head.press("Enter")
    assert column(table, 2) == ["gru", "lstm", "elman"]
    assert table.locator("th:nth-child(4)").get_attribute("aria-sort") == "descending"


def test_a_click_on_the_legend_shows_one_contender_everywhere(visit: Visit):
    page = visit.page
    everyone = opacities(page, "seeds-add", "point")
    button = page.locator(".legend [data-contender=gru]")
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    dimmed = page.locator("#leaderboard tr.dim td.name")
    # In the leaderboard the two others; of all pairs the one without gru.
    assert dimmed.all_inner_texts() == ["lstm", "elman", "lstm", "elman"]
    page.wait_for_timeout(300)
    assert len(opacities(page, "seeds-add", "point")) > len(everyone)
    page.locator(".legend .all").press("Enter")
    page.wait_for_timeout(300)
    assert opacities(page, "seeds-add", "point") == everyone
    assert page.locator("tr.dim").count() == 0


def test_dark_and_light_follow_the_reader(visit: Visit):
    page = visit.page
    page.emulate_media(color_scheme="light")
    light = colors(page)
    page.emulate_media(color_scheme="dark")
    assert colors(page) != light
    label = page.locator("#figure-overall svg text").first
    style = "t => getComputedStyle(t).fill"
    assert label.evaluate(style) == colors(page)[1]


def test_a_figure_is_saved_with_a_legend_of_its_own(visit: Visit, tmp_path: Path):
    text = saved(visit.page, "curves-add", "svg", tmp_path)
    root = ElementTree.fromstring(text)
    words = [element.text for element in root.iter() if element.text]
    assert {"elman", "gru", "lstm"} <= set(words)
    assert "http" not in text.replace("http://www.w3.org/", "")


def test_the_data_of_a_figure_is_saved(visit: Visit, tmp_path: Path):
    rows = list(
        csv.DictReader(io.StringIO(saved(visit.page, "overall", "csv", tmp_path)))
    )
    assert [row["contender"] for row in rows] == ["gru", "lstm", "elman"]
    # An interval may begin below 0, the level of blind answers, never below -1.
    assert all(-1 <= float(row["low"]) <= float(row["overall"]) for row in rows)


def test_a_link_unfolds_what_it_leads_to(visit: Visit):
    page = visit.page
    page.locator("#leaderboard td.name a", has_text="lstm").first.click()
    unfolded = page.locator("details.contender[open]")
    unfolded.wait_for()
    assert unfolded.locator("summary b").all_inner_texts() == ["lstm"]
    assert unfolded.locator("math").first.is_visible()


def test_the_keyboard_reaches_all_that_can_be_used(visit: Visit):
    unreachable = visit.page.evaluate(
        "[...document.querySelectorAll('button, a, summary, .scroll')]"
        ".filter(part => part.tabIndex < 0 && !part.disabled)"
        ".map(part => part.outerHTML)"
    )
    assert unreachable == []

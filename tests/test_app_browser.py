"""The search page in a real browser: it answers what the functions answer, by keyboard, and nothing leaves the machine."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import chromium
import pytest
from PIL import Image

from utils import app, config, datasets, encoders
from utils.app import server

MISS = 0.2
PHOTOS = 40
HOSTILE = ["<img src=x onerror=document.title='hit'>.jpg", "räfil 海龟 ='&\".jpg"]
LABELS = ["<b>bold", "plain"]
WATCH = """
import os, sys
def seen(event, args):
    if event in ("socket.connect", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"):
        host = args[0] if event.startswith("socket.get") else args[1][0] if isinstance(args[1], tuple) else "localhost"
        if host not in (None, "", "localhost", "127.0.0.1", "::1", b"127.0.0.1", b"localhost"):
            with open(os.environ["SEEN"], "a") as log:
                log.write(f"{event} {host}\\n")
sys.addaudithook(seen)
"""
NOTE = "document.querySelector('#note .reef-note')?.textContent"
LINES = "[...document.querySelectorAll('#answers .caption-label')].map(e => e.textContent.trim())"
BOX = "[...document.querySelectorAll('label')].find(e => e.textContent.trim() === {}).querySelector('input, textarea')"
HITS = "[...document.querySelectorAll('#answers .thumbnail-item')]"
CONTRAST = """(() => {
  const parse = text => { const c = text.match(/[\\d.]+/g).map(Number); return c.length < 4 ? [...c, 1] : c };
  const over = (a, b) => [0, 1, 2].map(i => a[3] * a[i] + (1 - a[3]) * b[i]);
  const light = c => c.map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = e => {
    const chain = []; for (; e; e = e.parentElement) chain.unshift(parse(getComputedStyle(e).backgroundColor));
    return chain.reduce((below, c) => over(c, below), [255, 255, 255]);
  };
  const poor = [];
  const check = (e, style, text) => {
    const below = ground(e), [a, b] = [light(over(parse(style.color), below)), light(below)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), size = parseFloat(style.fontSize);
    if (ratio < (size >= 24 || size >= 18.66 && style.fontWeight >= 700 ? 3 : 4.5)) poor.push(`${text} ${ratio.toFixed(2)}`);
    return 1;
  };
  let count = 0;
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node; node = walk.nextNode();) {
    const e = node.parentElement, text = node.textContent.trim();
    if (!text || !e.checkVisibility({opacityProperty: true, visibilityProperty: true}) || e.closest('[disabled], script, style')) continue;
    count += check(e, getComputedStyle(e), text);
  }
  for (const e of document.querySelectorAll('input, textarea')) if (e.checkVisibility() && ['text', 'number', 'textarea'].includes(e.type)) {
    count += check(e, getComputedStyle(e), `value of ${e.ariaLabel}`);
    if (e.placeholder) count += check(e, getComputedStyle(e, '::placeholder'), e.placeholder);
  }
  return {poor, count};
})()"""

pytestmark = [pytest.mark.slow, pytest.mark.browser]


@pytest.fixture(scope="module")
def folder(tmp_path_factory, reef_data):
    """Forty photographs with their captions, in folders and under names that try to be more than text."""
    folder, own = tmp_path_factory.mktemp("photos") / "reef <i>one & two", datasets.load("own_turtles").head(PHOTOS)
    rows = ["image_id,caption,source"]
    for i, (path, captions) in enumerate(zip(own["path"], own["captions"], strict=True)):
        name = HOSTILE[i] if i < len(HOSTILE) else f"photo {i:02}.jpg"
        place = folder / LABELS[i % 2] / name
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, place)
        file = f"{LABELS[i % 2]}/{name}".replace('"', '""')
        rows += [f'"{file}",{caption},own' for caption in captions]
    (folder / "captions.csv").write_text("\n".join(rows), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def served(folder, reef_data, tmp_path_factory):
    """The page's address, and the file of what its process tried to reach beyond this machine."""
    place = tmp_path_factory.mktemp("server")
    (place / "sitecustomize.py").write_text(WATCH)
    env = {**os.environ, "PYTHONPATH": str(place), "SEEN": str(place / "seen"), "REEF_OUT": str(place / "out")}
    env |= {"REEF_DATA": str(reef_data), "GRADIO_ANALYTICS_ENABLED": "True", "GRADIO_SHARE": "True"}
    command = [sys.executable, "-m", "utils.app", str(folder), "--port", "0", "--miss", str(MISS)]
    with open(place / "log", "w") as log:
        process = subprocess.Popen(command, cwd=config.root(), env=env, stdout=log, stderr=log, preexec_fn=heed)
    try:
        yield address(process, place / "log"), place / "seen"
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)
    finally:
        process.kill()
        process.wait(timeout=30)


def heed():
    """In a process that was started in the background, Ctrl-C is ignored, and in its children too."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def address(process, log, seconds=240):
    until = time.monotonic() + seconds
    while not (found := re.search(r"http://127\.0\.0\.1:\d+", log.read_text())):
        assert process.poll() is None and time.monotonic() < until, log.read_text()[-3000:]
        time.sleep(0.2)
    return found[0]


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if chromium.program() is None:
        pytest.skip(f"none of {', '.join(chromium.PROGRAMS)} found")
    folder = tmp_path_factory.mktemp("browser")
    browser = chromium.Browser(chromium.program(), folder)
    browser.folder = folder
    yield browser
    browser.close()


@pytest.fixture(scope="module", params=["light", "dark"])
def page(browser, served, request):
    """The page in light, then in dark; after its tests no console error, and no request to another machine."""
    browser.call("Emulation.setDeviceMetricsOverride", width=1280, height=1600, deviceScaleFactor=1, mobile=False)
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": request.param}])
    browser.open(served[0])
    browser.wait("document.activeElement?.placeholder === 'a turtle swimming over sand'", 60)
    yield browser
    assert list(browser.faults()) == []
    asked = [e["params"]["request"]["url"] for e in browser.events if e.get("method") == "Network.requestWillBeSent"]
    assert len(asked) > 50
    assert {urlsplit(url).netloc for url in asked if not url.startswith(("data:", "blob:"))} == {
        urlsplit(served[0]).netloc
    }
    assert not served[1].exists(), served[1].read_text()
    assert browser.js("document.title") == "ReefCLIP search"


@pytest.fixture(scope="module")
def archive(folder):
    return app.Archive(datasets.image_folder(folder), encoders.load("clip-vit-openai"))


@pytest.fixture(scope="module")
def threshold(archive):
    return app.for_archive(archive, MISS)


def fill(page, label, text):
    box = BOX.format(json.dumps(label))
    page.js(f"({box}).focus(), ({box}).select()")
    page.type(text) if text else page.js("document.execCommand('delete')")


def search(page, sentence, minus=""):
    """Types, presses Enter, and waits until another note is there."""
    before = page.js(NOTE)
    fill(page, "Without", minus)
    fill(page, "Sentence", sentence)
    page.key("Enter")
    return page.wait(f"(note => note !== {json.dumps(before)} && note)({NOTE})", 60)


@pytest.fixture(autouse=True)
def fresh(request):
    """Each test begins with a note of its own, so that the next one is seen to come."""
    if "page" in request.fixturenames:
        page = request.getfixturevalue("page")
        if not page.js(NOTE).startswith("The query is empty"):
            search(page, "")


def shown(page, hits):
    """Waits for the lines of these hits below the pictures."""
    lines = [f"{i} · {row.score:.3f} · {os.path.basename(row.path)}" for i, row in enumerate(hits.itertuples(), 1)]
    page.wait(
        f"JSON.stringify({LINES}) === {json.dumps(json.dumps(lines, ensure_ascii=False, separators=(',', ':')))}", 60
    )


@pytest.mark.parametrize(("sentence", "minus"), [("a turtle", ""), ("a turtle and a fishing net", "a fishing net")])
def test_the_page_shows_what_the_functions_answer(page, archive, threshold, sentence, minus):
    found = app.answer(archive, sentence, minus=minus, k=9, threshold=threshold)
    assert search(page, sentence, minus) == found.note and len(found.hits) > 3
    shown(page, found.hits)
    if not minus:
        asked = archive.ask(sentence, k=9)
        assert list(found.hits["path"]) == list(asked["path"][asked["score"] >= threshold.least])


def test_it_abstains_where_nothing_fits(page):
    assert search(page, "a bowl of soup").startswith("Nothing fits: the nearest photograph has a cosine of")
    page.wait(f"{LINES}.length === 0")
    assert page.js("document.querySelector('#csv').disabled")


def test_an_empty_query_says_what_to_type(page):
    search(page, "a bowl of soup")
    assert search(page, "").startswith("The query is empty: type a sentence")


def test_a_query_is_text(page):
    note = search(page, "<img src=x onerror=document.title='hit'>" * 60)
    assert "its end was cut off" in note.lower()
    assert page.js("document.title") == "ReefCLIP search"


def test_names_stay_text(page):
    page.js(f"({BOX.format(json.dumps('Hold back what does not fit'))}).click()")
    page.js(
        "(e => { e.value = 40; e.dispatchEvent(new Event('input', {bubbles: true})); })(document.querySelector('input[type=number]'))"
    )
    search(page, "a turtle")
    page.wait(f"{LINES}.length === {PHOTOS}", 60)
    assert {line.split(" · ", 2)[2] for line in page.js(LINES)} >= set(HOSTILE)
    assert "reef <i>one & two: 40 photographs" in page.js("document.querySelector('.reef-head').textContent")
    assert page.js("document.querySelectorAll('.reef-head i, .reef-head b, #answers .caption-label img').length") == 0
    page.js(f"({BOX.format(json.dumps('Hold back what does not fit'))}).click()")
    page.js(
        "(e => { e.value = 9; e.dispatchEvent(new Event('input', {bubbles: true})); })(document.querySelector('input[type=number]'))"
    )


def test_a_filter_is_chosen_by_keyboard(page, archive, threshold):
    if page.js("document.querySelector('input[aria-label=category]') === null"):
        page.js("[...document.querySelectorAll('button')].find(e => e.textContent.startsWith('Filters')).click()")
    page.wait("!!document.querySelector('input[aria-label=category]')")
    page.js("document.querySelector('input[aria-label=category]').focus()")
    page.type("<b>")
    page.wait("document.querySelectorAll('[role=option]').length === 1")
    page.key("Enter")
    page.wait("document.querySelector('.token')?.textContent.includes('<b>bold')")
    where = {"category": ["<b>bold"]}
    shown_hits = app.answer(archive, "a turtle", k=9, where=where, threshold=threshold)
    assert search(page, "a turtle") == shown_hits.note
    shown(page, shown_hits.hits)
    page.js("document.querySelector('.token-remove').click()")
    page.wait("!document.querySelector('.token')")


def test_the_csv_is_that_of_the_function(page, archive, threshold):
    found = app.answer(archive, "a turtle", k=9, threshold=threshold)
    search(page, "a turtle")
    shown(page, found.hits)
    page.wait("!document.querySelector('#csv').disabled")
    page.js("document.querySelector('#csv').click()")
    until = time.monotonic() + 30
    while not (files := [path for path in page.folder.glob("hits*.csv") if path.stat().st_size]):
        assert time.monotonic() < until, "no file came down"
        time.sleep(0.1)
    assert files[0].read_bytes() == app.csv_bytes(found)
    files[0].unlink()


def test_a_chosen_photograph_shows_where(page):
    search(page, "a turtle")
    page.wait(f"{HITS}.length > 3", 60)
    page.js(f"{HITS}[1].focus()")
    page.key("Enter")
    told, picture = "document.querySelector('#told')?.textContent.trim()", "document.querySelector('#where img')?.src"
    assert page.wait(f"/^2 · .* · (turtle: \\d+%|The detector found nothing)/.test({told})", 120)
    box = page.wait(picture, 60)
    page.js("document.querySelectorAll('#way input')[1].click()")
    assert page.wait(f"/^2 · .* · The brighter/.test({told}) && {picture} !== {json.dumps(box)}", 120)


def test_a_picture_is_found_and_a_damaged_one_is_a_message(page, archive, tmp_path):
    Image.open(archive.frame["path"][7]).save(tmp_path / "query.png")
    upload(page, tmp_path / "query.png")
    note = search(page, "")
    assert note == "The 9 nearest photographs."
    shown(page, archive.ask(image=tmp_path / "query.png", k=9))
    remove_picture(page)
    (tmp_path / "broken.png").write_bytes(b"no image")
    upload(page, tmp_path / "broken.png")
    assert search(page, "a turtle").startswith("The picture broken.png is of no use: not an image")
    remove_picture(page)


def upload(page, path):
    root = page.call("DOM.getDocument")["root"]["nodeId"]
    node = page.call("DOM.querySelector", nodeId=root, selector="input[type=file]")["nodeId"]
    page.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])
    page.wait("!!document.querySelector('.image-frame img, [data-testid=image] img')", 60)


def remove_picture(page):
    page.js("document.querySelector('[aria-label=Clear], [title=Clear], [aria-label=\"Remove Image\"]').click()")
    page.wait("!!document.querySelector('input[type=file]')")


def test_the_tab_key_goes_through_the_page_in_its_order(page):
    fill(page, "Sentence", "a turtle")
    seen = []
    for _ in range(6):
        seen.append(
            page.js(
                "(e => e.ariaLabel || e.closest('label')?.textContent.trim() || e.textContent.trim())(document.activeElement)"
            )
        )
        outline = page.js(
            "(s => s.outlineStyle !== 'none' && parseFloat(s.outlineWidth))(getComputedStyle(document.activeElement))"
        )
        assert outline >= 2, seen
        for kind in ("keyDown", "keyUp"):
            page.call("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab", windowsVirtualKeyCode=9)
    assert seen[:3] == ["Sentence", "Without", "Search"] and len(set(seen)) == len(seen)


def test_everything_that_can_be_set_has_a_name(page):
    page.call("Accessibility.enable")
    kinds = {"button", "textbox", "combobox", "slider", "spinbutton", "checkbox", "radio", "link"}
    nodes = [node for node in page.call("Accessibility.getFullAXTree")["nodes"] if not node.get("ignored")]
    named = [(node["role"]["value"], node.get("name", {}).get("value", "").strip()) for node in nodes]
    assert len([one for one in named if one[0] in kinds]) > 15
    assert [one for one in named if one[0] in kinds and not one[1]] == []


def test_contrast_is_sufficient(page):
    search(page, "a turtle")
    page.wait(f"{HITS}.length > 3", 60)
    for name in ("Filters", "What the threshold"):
        page.js(f"[...document.querySelectorAll('button')].find(e => e.textContent.startsWith('{name}')).click()")
    time.sleep(0.5)  # accordions unfold
    found = page.js(CONTRAST)
    assert found["poor"] == [] and found["count"] > 25
    assert search(page, "") and page.js(CONTRAST)["poor"] == []


def test_no_file_beyond_the_page_is_served(page, served, archive):
    for path in (archive.frame["path"][0], config.root() / "README.md", "/etc/hostname"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{served[0]}/gradio_api/file={urllib.request.quote(str(path))}", timeout=20)
        assert refused.value.code in (403, 404)


def test_a_port_in_use_is_named():
    with (
        socket.create_server((server.HOST, 0)) as taken,
        pytest.raises(OSError, match=rf"port {taken.getsockname()[1]} cannot be used .* --port 0"),
    ):
        server.serve(None, taken.getsockname()[1])

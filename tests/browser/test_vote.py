"""A voter's way through the pages, as a voter goes it."""

from __future__ import annotations

import base64
import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from stembus.scripts.develop.prepare import find_chromium
from tests.browser.conftest import ARGUMENTS, Site, fresh
from tests.browser.steps import cast, choose, enter, kept, kept_ballots, kept_pass, noted


@pytest.mark.parametrize("language", ["nl", "en", "fr"])
def test_a_voter_votes_and_finds_the_ballot_in_the_log(page: Page, site: Site, language: str) -> None:
    enter(page, site, site.letter(), language)
    assert page.evaluate("location.hash") == ""
    choose(page, "1")
    number = cast(page)
    expect(page.locator("#save-receipt")).to_be_visible(timeout=20_000)
    batch = page.locator("#publication").inner_text().split()[-1]
    # The number that stood there before the cast is enough; the batch only shortens the search.
    for tracking in (number, f"{number[:32].upper()} {number[32:]}-{batch}"):
        page.goto(f"{site.url}{language}/track")
        page.locator("#tracking").fill(tracking)
        page.locator("#form-track button").click()
        expect(page.locator("#save-receipt")).to_be_visible()
        assert page.locator("#error").is_hidden()
        assert page.locator("#tracking").input_value().startswith(" ".join(re.findall("....", number)))


def test_a_promise_and_a_receipt_from_the_browser_hold_for_the_verifier(page: Page, site: Site, tmp_path: Path) -> None:
    from stembus.audit.log.source import FolderPlace
    from stembus.audit.verify import verify
    from stembus.audit.verify.voter_evidence import check_voter_evidence

    enter(page, site, site.letter())
    choose(page, "0")
    cast(page)
    kept = []
    for button in ("#save-promise", "#save-receipt"):
        with page.expect_download(timeout=20_000) as download:
            page.locator(button).click(timeout=20_000)
        kept.append(Path(download.value.path()).read_bytes())
    place = FolderPlace(site.root / "public")
    report = verify(place, site.office().referendum)
    check_voter_evidence(report, kept[0], kept[1])
    assert report.faults == []


def test_a_typing_error_is_told_from_an_unknown_code(page: Page, site: Site) -> None:
    code, born = site.letters[-1]
    page.goto(f"{site.url}en/vote")
    wrong = code[:-1] + ("0" if code[-1] != "0" else "1")
    page.locator("#code").fill(wrong)
    page.locator("#factor").fill(born)
    page.locator("#submit-code").click()
    expect(page.locator("#code-error")).to_contain_text("typing error")
    page.locator("#code").fill("0123-4567-89AB-CDEF-GHJK-XYC7")
    page.locator("#submit-code").click()
    expect(page.locator("#code-error")).to_contain_text("no such letter")
    expect(page.locator("#code")).to_be_focused()
    page.locator("#code").fill("")
    page.locator("#submit-code").click()
    expect(page.locator("#code-error")).to_have_text("Type the code from your letter.")


def test_a_code_is_read_forgivingly(page: Page, site: Site) -> None:
    code, born = site.letter()
    page.goto(f"{site.url}en/vote")
    page.locator("#code").fill(" " + code.lower().replace("0", "o").replace("1", "l").replace("-", " "))
    year, month, day = born.split("-")
    page.locator("#factor").fill(f"{int(day)}/{int(month)}/{year}")
    page.locator("#submit-code").click()
    expect(page.locator("#step-ballot")).to_be_visible()


def test_a_wrong_second_factor_says_how_many_tries_are_left(page: Page, site: Site) -> None:
    code, _ = site.letter()
    page.goto(f"{site.url}en/vote#code={code}")
    page.locator("#factor").fill("1/2/1903")
    page.locator("#submit-code").click()
    expect(page.locator("#factor-error")).to_contain_text("9")


def test_a_letter_used_on_another_device_is_explained(page: Page, site: Site, chromium) -> None:  # type: ignore[no-untyped-def]
    letter = site.letter()
    enter(page, site, letter, "en")
    choose(page, "1")
    cast(page)
    other = fresh(chromium).new_page()
    other.goto(f"{site.url}en/vote#code={letter[0]}")
    other.locator("#factor").fill(letter[1])
    other.locator("#submit-code").click()
    expect(other.locator("#error")).to_contain_text("This letter was used already")
    other.context.close()


def test_who_stops_before_casting_has_used_nothing_up(page: Page, site: Site, chromium: Browser) -> None:
    letter = site.letter()
    issued = site.office().registrar().issued_count()
    enter(page, site, letter)
    choose(page, "1")
    page.context.clear_cookies()
    page.close()
    assert site.office().registrar().issued_count() == issued
    other = fresh(chromium).new_page()
    enter(other, site, letter)
    choose(other, "0")
    cast(other)
    assert site.office().registrar().issued_count() == issued + 1
    other.context.close()


def test_the_second_factor_stays_in_the_tab_and_goes_when_the_token_is_there(page: Page, site: Site) -> None:
    letter = site.letter()
    enter(page, site, letter)
    assert letter[1] not in page.evaluate("JSON.stringify(localStorage)")
    choose(page, "1")
    cast(page)
    assert letter[1] not in kept(page)


def test_a_reload_goes_on_where_the_voter_was(page: Page, site: Site) -> None:
    enter(page, site, site.letter())
    page.reload()
    expect(page.locator("#step-ballot")).to_be_visible()
    choose(page, "blank")
    tracking = cast(page)
    page.reload()
    expect(page.locator("#step-done")).to_be_visible()
    assert re.sub(r"\s", "", page.locator("#tracking").text_content() or "") == tracking


def test_a_tested_ballot_says_its_choice_and_is_never_cast(page: Page, device: BrowserContext, site: Site) -> None:
    enter(page, site, site.letter(), "en")
    choose(page, "1")
    shown = noted(page)
    page.locator("#test-details summary").click()
    page.locator("#test").click()
    link = page.locator("#test-text").text_content()
    assert link is not None
    second = device.browser.new_context().new_page()  # type: ignore[union-attr]
    second.goto(f"{site.url}en/check#ballot={shown}")
    second.goto("about:blank")
    second.goto(link)
    expect(second.locator("#chosen")).to_contain_text("Yes")
    expect(second.locator("#comparison")).to_contain_text("same")
    assert re.sub(r"\s", "", second.locator("#ballot-id").inner_text()) == shown
    second.goto("about:blank")
    second.goto(f"{site.url}en/check#ballot={shown}")
    second.goto(re.sub(r"\.1$", ".0", link))
    expect(second.locator("#comparison")).to_contain_text("DIFFER")
    second.context.close()
    page.locator("#test-done").click()
    choose(page, "1")
    assert noted(page) != shown
    assert cast(page) != shown


def test_a_voter_changes_the_vote_in_two_tabs(page: Page, device: BrowserContext, site: Site) -> None:
    letter = site.letter()
    enter(page, site, letter)
    other = device.new_page()
    enter(other, site, letter)
    choose(page, "0")
    choose(other, "1")
    assert cast(page) != cast(other)


def test_what_the_device_keeps_has_no_place_for_a_choice(page: Page, site: Site) -> None:
    """Nor for one that was changed before the cast. What is encrypted or signed shows none; other fields are named."""
    enter(page, site, site.letter())
    choose(page, "0")
    page.locator("#back").click()
    choose(page, "1")
    cast(page)
    [ballot] = kept_ballots(page)
    assert ballot.keys() == {"cast_hash", "ballot_id", "seq", "state", "raw", "promises", "place"}
    named = {key.split("/")[-1]: json.loads(text) for key, text in page.evaluate("Object.entries(localStorage)")}
    records = [set(kept) for kept in named.values() if isinstance(kept, dict) and "pass" in kept]
    assert records == [{"pass", "asked"}]
    assert all(key.endswith(".unsaid") for key, kept in named.items() if not isinstance(kept, dict))


def test_a_tab_that_does_not_see_yet_what_another_wrote_takes_nothing_away_from_it(
    page: Page, device: BrowserContext, site: Site
) -> None:
    """A browser shows one tab's changes to the others with a delay, however short."""
    letter = site.letter()
    other = device.new_page()
    for tab, option in ((page, "0"), (other, "1")):
        enter(tab, site, letter)
        choose(tab, option)
    page.route("**/log/checkpoint", lambda route: route.abort())
    numbers = [cast(page)]
    page.evaluate("""() => {
        const seen = {...localStorage}, write = Storage.prototype.setItem;
        Storage.prototype.getItem = key => seen[key] ?? null;
        Storage.prototype.setItem = function (key, text) { write.call(this, key, seen[key] = text); };
    }""")
    numbers.append(cast(other))
    page.unroute("**/log/checkpoint")
    expect(page.locator("#batch-state")).not_to_contain_text("wordt gepubliceerd, ten laatste", timeout=40_000)
    states = {ballot["ballot_id"]: ballot["state"] for ballot in kept_ballots(other)}
    assert sorted(states) == sorted(numbers)
    assert states[numbers[0]] in ("found", "replaced")
    assert kept_pass(other)["casts"] == 2


def test_a_device_without_room_uses_up_no_turn(page: Page, site: Site) -> None:
    enter(page, site, site.letter())
    choose(page, "0")
    page.evaluate("""() => {
        const write = Storage.prototype.setItem;
        window.full = true;
        Storage.prototype.setItem = function (key, text) {
            if (window.full && this === localStorage && key.split("/").length === 4) throw new Error("no room");
            write.call(this, key, text);
        };
    }""")
    page.locator("#cast").click()
    expect(page.locator("#cast")).to_be_enabled()
    page.wait_for_timeout(500)
    assert kept_pass(page)["casts"] == 0
    assert kept_ballots(page) == []
    page.evaluate("window.full = false")
    if page.locator("#step-review").is_visible():
        cast(page)
    else:
        choose(page, "0")
        cast(page)
    assert kept_pass(page)["casts"] == 1
    assert len(kept_ballots(page)) == 1


def test_a_voting_pass_moves_to_another_device(page: Page, site: Site, chromium, tmp_path: Path) -> None:  # type: ignore[no-untyped-def]
    enter(page, site, site.letter())
    choose(page, "0")
    cast(page)
    page.locator("#pass-part summary").click()
    with page.expect_download() as download:
        page.locator("#save-pass").click()
    file = tmp_path / "pass.json"
    download.value.save_as(file)
    assert json.loads(file.read_text())["format"] == "stembus-voting-pass-v1"
    other = fresh(chromium).new_page()
    other.goto(f"{site.url}nl/vote")
    other.locator("#step-code details summary").first.click()
    other.locator("#pass-file").set_input_files(file)
    expect(other.locator("#step-ballot")).to_be_visible()
    choose(other, "1")
    cast(other)
    other.context.close()
    # The box shows the ballot that was cast meanwhile, signed with this pass; so this device takes the next turn.
    page.locator("#revote").click()
    choose(page, "0")
    cast(page)
    assert kept_pass(page)["casts"] == 3


def test_nothing_that_was_removed_stays_on_the_device_or_in_its_page(page: Page, site: Site) -> None:
    code, born = site.letter()
    enter(page, site, (code, born))
    choose(page, "0")
    tracking = cast(page)
    page.locator("details:has(#remove) summary").click()
    page.locator("#remove").click()
    expect(page.locator("#step-removed")).to_be_visible()
    assert kept(page) == "{}{}"
    assert page.context.cookies() == []
    values = "[...document.querySelectorAll('input, textarea')].map((field) => field.value).join()"
    told = page.content() + str(page.evaluate(values)) + page.url
    for secret in (code, code.replace("-", ""), born, tracking, " ".join(re.findall("....", tracking))):
        assert secret not in told
    page.reload()
    expect(page.locator("#step-code")).to_be_visible()


def test_the_browsers_history_holds_neither_choice_nor_pass_nor_number(
    chromium: Browser, site: Site, tmp_path: Path
) -> None:
    """What was typed, and what the pages hand to each other, is in no address, so in no file of the browser's profile
    once the voting data are removed. A letter's scanned link is another matter: the browser has seen it before us."""
    program = find_chromium()
    code, born = site.letter()
    context = chromium.browser_type.launch_persistent_context(
        tmp_path / "profile", executable_path=program, args=ARGUMENTS
    )
    page = context.new_page()
    page.goto(f"{site.url}en/vote")
    page.locator("#code").fill(code)
    page.locator("#factor").fill(born)
    page.locator("#submit-code").click()
    choose(page, "1")
    page.locator("#test-details summary").click()
    page.locator("#test").click()
    test = (page.locator("#test-text").text_content() or "").split("#")[1]
    with context.expect_page() as opened:
        page.locator("#test-link").click()
    expect(opened.value.locator("#chosen")).to_contain_text("Yes")
    opened.value.close()
    page.locator("#test-done").click()
    choose(page, "1")
    tracking = cast(page)
    page.locator("#checking summary").click()
    page.locator("#track-link").click()
    expect(page.locator("#tracking")).to_have_value(re.compile(tracking[:4]))
    page.goto(f"{site.url}en/vote")
    page.locator("details:has(#remove) summary").click()
    page.locator("#remove").click()
    expect(page.locator("#step-removed")).to_be_visible()
    context.close()
    history = (tmp_path / "profile" / "Default" / "History").read_bytes()
    assert f"{site.url}en/vote".encode() in history  # what is looked for would be found
    files = [path for path in (tmp_path / "profile").rglob("*") if path.is_file() and "Local Storage" not in str(path)]
    for secret in (code, code.replace("-", ""), tracking, test, test.split(".")[1]):
        assert [path.name for path in files if secret.encode() in path.read_bytes()] == []


def test_no_request_says_which_ballot_is_looked_for(page: Page, site: Site) -> None:
    enter(page, site, site.letter())
    choose(page, "0")
    tracking = cast(page)
    expect(page.locator("#save-receipt")).to_be_visible(timeout=20_000)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url + (request.post_data or "")))
    page.goto(f"{site.url}nl/track#{tracking}")
    expect(page.locator("#save-receipt")).to_be_visible()
    sent = [url.split("#")[0] for url in asked]
    assert sent
    assert not any(tracking[:12] in url for url in sent)


def test_two_people_share_a_device(page: Page, site: Site) -> None:
    enter(page, site, site.letter())
    choose(page, "0")
    first = cast(page)
    page.locator("#other-done").click()
    expect(page.locator("#step-code")).to_be_visible()
    enter(page, site, site.letter())
    choose(page, "1")
    assert cast(page) != first


def test_a_birth_date_can_be_typed_with_digits_alone(page: Page, site: Site) -> None:
    code, born = site.letter()
    year, month, day = born.split("-")
    page.goto(f"{site.url}en/vote#code={code}")
    page.locator("#factor").fill(day + month + year)
    page.locator("#submit-code").click()
    expect(page.locator("#step-ballot")).to_be_visible()


def test_a_pass_from_a_link_is_taken_only_when_the_voter_says_so(page: Page, site: Site, chromium: Browser) -> None:
    enter(page, site, site.letter())
    choose(page, "0")
    cast(page)
    data = kept_pass(page)
    parts = [bytes.fromhex(text) for text in (data["referendum"][:16], data["token_key"], data["signatures"][0])]
    raw = parts[0] + parts[1] + (1).to_bytes(4, "big") + b"\x01" + parts[2]
    link = f"{site.url}en/vote#pass={base64.urlsafe_b64encode(raw).decode().rstrip('=')}"
    for accepted in (False, True):
        other = fresh(chromium).new_page()
        other.on("dialog", lambda dialog, accepted=accepted: dialog.accept() if accepted else dialog.dismiss())
        other.goto(link)
        expect(other.locator("#step-ballot" if accepted else "#step-code")).to_be_visible()
        other.context.close()


def test_the_way_back_leads_to_the_ballot_paper_with_the_choice_on_it(page: Page, site: Site) -> None:
    enter(page, site, site.letter())
    for way in (page.go_back, page.locator("#back").click):
        choose(page, "1")
        way()
        expect(page.locator("#step-ballot")).to_be_visible()
        expect(page.locator("input[name=q0][value='1']")).to_be_checked()
    choose(page, "0")
    cast(page)
    page.go_back()
    expect(page.locator("#step-done")).to_be_visible()


def test_a_pass_whose_token_nobody_signed_is_refused(page: Page, site: Site) -> None:
    """Else its ballot would be refused later, and the box be blamed for it."""
    referendum = site.office().referendum
    page.on("dialog", lambda dialog: dialog.accept())
    for raw, words in (
        (referendum[:8] + b"\x07" * 32 + bytes(4) + b"\x01" + b"\x11" * 384, "is not a voting pass"),
        (referendum[:8] + b"\x07" * 32 + bytes(4), "is not a voting pass"),
        (referendum[:8] + b"\x07" * 30, "is not a voting pass"),
        (bytes(8) + b"\x07" * 32 + bytes(4) + b"\x01" + b"\x11" * 384, "belongs to another referendum"),
    ):
        page.goto("about:blank")
        page.goto(f"{site.url}en/vote#pass={base64.urlsafe_b64encode(raw).decode().rstrip('=')}")
        expect(page.locator("#error")).to_contain_text(words)
        expect(page.locator("#step-code")).to_be_visible()
        assert kept(page) == "{}{}"


def test_the_skip_link_leads_to_the_content_and_changes_nothing(page: Page, site: Site) -> None:
    enter(page, site, site.letter(), "en")
    choose(page, "1")
    page.locator(".skip").focus()
    page.keyboard.press("Enter")
    expect(page.locator("#main")).to_be_focused()
    expect(page.locator("#step-review")).to_be_visible()
    page.go_back()
    expect(page.locator("#step-review")).to_be_visible()
    page.locator("#back").click()
    expect(page.locator("input[name=q0][value='1']")).to_be_checked()
    page.reload()
    expect(page.locator("#step-ballot")).to_be_visible()
    choose(page, "1")
    cast(page)


def test_somebody_else_on_this_device_finds_nothing_of_the_first(page: Page, site: Site) -> None:
    letter = site.letter()
    enter(page, site, letter, "en")
    page.locator("details:has(#other) summary").click()
    page.locator("#other").click()
    expect(page.locator("#step-code")).to_be_visible()
    assert page.evaluate("JSON.stringify(sessionStorage)") == "{}"
    assert letter[1] not in kept(page)


def test_a_voter_who_thinks_again_keeps_the_earlier_vote(page: Page, site: Site) -> None:
    enter(page, site, site.letter(), "en")
    choose(page, "1")
    tracking = cast(page)
    page.locator("#revote").click()
    expect(page.locator("[data-earlier]").first).to_contain_text("earlier vote counts")
    page.locator("#keep").click()
    expect(page.locator("#step-done")).to_be_visible()
    assert re.sub(r"\s", "", page.locator("#tracking").text_content() or "") == tracking


def test_another_language_keeps_the_code_of_the_letter(page: Page, site: Site) -> None:
    code, _ = site.letters[-1]
    page.goto(f"{site.url}nl/vote#code={code}&id={site.office().referendum.hex()}")
    expect(page.locator("#code")).to_have_value(code)
    page.locator("[data-language-link][lang='fr']").click()
    expect(page).to_have_url(f"{site.url}fr/vote")
    expect(page.locator("#code")).to_have_value(code)


@pytest.mark.parametrize("width", [320, 360])
def test_the_whole_code_fits_into_its_field(page: Page, site: Site, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 740})
    page.goto(f"{site.url}nl/vote#code=WWWW-WWWW-WWWW-WWWW-WWWW-WWWW")
    expect(page.locator("#code")).to_have_value("WWWW-WWWW-WWWW-WWWW-WWWW-WWWW")
    assert page.evaluate("(e => e.scrollWidth <= e.clientWidth)(document.querySelector('#code'))")


def test_the_last_page_says_what_comes_and_keeps_the_evidence_closed(chromium: Browser, site: Site) -> None:
    context = chromium.new_context(viewport={"width": 360, "height": 740})
    page = context.new_page()
    enter(page, site, site.letter(), "en")
    choose(page, "1")
    page.locator("#cast").click()
    expect(page.locator("#step-done .good")).to_have_text("Your vote has arrived. You are done.")
    expect(page.locator("#step-done")).to_contain_text("The result comes on this site, on the page Result, after")
    for part in ("#tracking", "#batch-state", "#save-promise", "#track-link"):
        expect(page.locator(part)).to_be_hidden()
    page.locator("#checking summary").click()
    expect(page.locator("#tracking")).to_be_visible()
    expect(page.locator("#batch-state")).to_be_visible()
    context.close()

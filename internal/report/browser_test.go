//go:build release

package report

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orgsync/orgsync/internal/plan"
	"github.com/orgsync/orgsync/internal/printable"
	"github.com/orgsync/orgsync/internal/printable/printabletest"
)

var screenshots = flag.String("screenshots", "", "write how the pages look to PNG files in this `folder`")

// contrasts gives every text of the page whose contrast with what is behind it is below 4.5 to 1 (WCAG 2.2, 1.4.3).
const contrasts = `(() => {
	const rgb = s => s.match(/[\d.]+/g).map(Number);
	const light = ([r, g, b]) => [r, g, b].map(v => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
		.reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
	const faint = [];
	let seen = 0;
	const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	while (texts.nextNode()) {
		const e = texts.currentNode.parentElement;
		if (!texts.currentNode.data.trim()) continue;
		let behind = e;
		while (behind && rgb(getComputedStyle(behind).backgroundColor)[3] === 0) behind = behind.parentElement;
		const style = getComputedStyle(e);
		const a = light(rgb(e instanceof SVGElement ? style.fill : style.color));
		const b = behind ? light(rgb(getComputedStyle(behind).backgroundColor)) : 1;
		const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
		seen++;
		if (ratio < 4.5) faint.push(texts.currentNode.data.trim() + ": " + ratio.toFixed(2));
	}
	return seen ? faint : ["no text was found"];
})()`

// axeViolations is a script that runs axe-core, which must come before it, and gives the rules that the page breaks.
const axeViolations = `
;axe.run(document).then(result => {
	if (result.passes.length < 10) throw new Error("axe looked at nothing");
	return result.violations.map(v => v.id + ": " + v.help + ": " + v.nodes.slice(0, 3).map(n => n.html).join(" "));
})`

// TestPageInBrowser shows each page in Chromium: on a phone, a tablet and a desk, by day and by night, and on paper.
// With the path of axe-core in AXE, its rules for accessibility are checked too, on two more widths.
func TestPageInBrowser(t *testing.T) {
	t.Parallel()
	b := startChromium(t)
	screens := []screen{
		{1600, "light", "screen"}, {1600, "dark", "screen"}, {800, "light", "screen"}, {800, "dark", "screen"},
		{360, "light", "screen"}, {360, "dark", "screen"}, {700, "light", "print"}, {700, "dark", "print"},
	}
	forAxe := []screen{
		{1280, "light", "screen"}, {1280, "dark", "screen"}, {390, "light", "screen"}, {390, "dark", "screen"},
	}
	var axe []byte
	if file := os.Getenv("AXE"); file != "" {
		var err error
		if axe, err = os.ReadFile(file); err != nil {
			t.Fatal(err)
		}
		screens = append(screens, forAxe...)
	}
	all := pages()
	for i, s := range pagesWith(slices.DeleteFunc(slices.Clone(printabletest.Hostile),
		func(s string) bool { return printable.Clean(s, 10) == "" })...) {
		all[fmt.Sprintf("hostile-%d", i)] = s
	}
	folder := t.TempDir()
	for name, s := range all {
		file := filepath.Join(folder, name+".html")
		if err := os.WriteFile(file, []byte(pageOf(t, s)), 0o600); err != nil {
			t.Fatal(err)
		}
		roles := map[string]int{}
		for _, at := range screens {
			where := fmt.Sprintf("%s on %d %s %s", name, at.width, at.scheme, at.media)
			b.show(file, at)
			var page struct {
				Width, Scripts, Requests int
				Style, URL               string
				Shown                    bool
			}
			b.evaluate(`({width: document.documentElement.scrollWidth, scripts: document.scripts.length,
				style: getComputedStyle(document.body).overflowWrap,
				requests: performance.getEntriesByType("resource").length, url: location.pathname,
				shown: document.body.innerText.includes("<script>alert(1)</script>")})`, &page)
			if page.Width > at.width {
				t.Errorf("%s: the page is %d wide", where, page.Width)
			}
			if page.Style != "anywhere" {
				t.Errorf("%s: the style does not count: %q", where, page.Style)
			}
			if strings.HasPrefix(name, "hostile") != page.Shown {
				t.Errorf("%s: hostile text is shown: %t", where, page.Shown)
			}
			if page.Scripts > 0 || page.Requests > 0 || filepath.Base(page.URL) != filepath.Base(file) {
				t.Errorf("%s: something acted: %+v", where, page)
			}
			for _, e := range b.events {
				switch e.Method {
				case "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded", "Page.javascriptDialogOpening",
					"Page.windowOpen":
					t.Errorf("%s: %s: %s", where, e.Method, e.Params)
				case "Network.requestWillBeSent":
					if !strings.Contains(string(e.Params), `"documentURL":"file:`) || !strings.Contains(string(e.Params),
						`"type":"Document"`) {
						t.Errorf("%s: a request: %s", where, e.Params)
					}
				}
			}
			var faint []string
			b.evaluate(contrasts, &faint)
			for _, text := range faint {
				t.Errorf("%s: hard to read: %s", where, text)
			}
			if slices.Contains(forAxe, at) {
				var violations []string
				b.evaluate(string(axe)+axeViolations, &violations)
				for _, v := range violations {
					t.Errorf("%s: axe: %s", where, v)
				}
			}
			switch got := b.roles(); {
			case at.width == 1600:
				roles = got
				for _, role := range []string{"banner", "main", "contentinfo", "heading"} {
					if got[role] == 0 {
						t.Errorf("%s: a screen reader finds no %s among %v", where, role, got)
					}
				}
			case at.media == "screen":
				for _, role := range []string{"table", "row", "rowheader", "columnheader", "caption", "heading", "term",
					"definition"} {
					if got[role] != roles[role] {
						t.Errorf("%s: a screen reader finds %d times %s, and on a wide screen %d times", where, got[role], role,
							roles[role])
					}
				}
			}
			if *screenshots != "" {
				b.picture(filepath.Join(*screenshots, fmt.Sprintf("%s-%d-%s-%s.png", name, at.width, at.scheme, at.media)))
			}
		}
	}
}

// brokenAddresses gives every address of the page that is broken anywhere but after "@" or ".", and every "expires in"
// that is on more than one line.
const brokenAddresses = `(() => {
	const broken = [];
	for (const e of document.querySelectorAll(".piece, .state + .more")) {
		const range = document.createRange();
		range.selectNodeContents(e);
		if (new Set(Array.from(range.getClientRects(), r => Math.round(r.top))).size > 1) broken.push(e.textContent);
	}
	return document.querySelectorAll(".piece").length ? broken : ["no address was found"];
})()`

// TestPageBreaks checks in a browser that addresses of 40 characters are broken only after "@" and ".", and that the
// time left stays on one line, on a phone and on a desk.
func TestPageBreaks(t *testing.T) {
	t.Parallel()
	b := startChromium(t)
	s := staffed()
	for i := range s.People {
		s.People[i].Email = address(fmt.Sprintf("mary-ann.longer-name-%02d@people.example-partner.org", i))
		s.People[i].State, s.People[i].Ended, s.People[i].Expires = plan.StatePending, false, now.Add(71*time.Hour)
		s.People[i].Missing, s.People[i].Wanted = []string{"group everyone", "role deployer"},
			[]string{"group everyone", "role deployer"}
	}
	file := filepath.Join(t.TempDir(), "status.html")
	if err := os.WriteFile(file, []byte(pageOf(t, s)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, at := range []screen{{1280, "light", "screen"}, {800, "light", "screen"}, {390, "light", "screen"}} {
		b.show(file, at)
		var broken []string
		b.evaluate(brokenAddresses, &broken)
		if len(broken) > 0 {
			t.Errorf("on a screen of %d, these are broken: %q", at.width, broken)
		}
	}
}

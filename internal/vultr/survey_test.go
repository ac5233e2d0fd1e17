package vultr

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/org"
)

func TestExample(t *testing.T) {
	t.Parallel()
	row := func(id string, members int) accessRow {
		return accessRow{Access: org.Access{ID: id}, fetched: make([]holderRow, members)}
	}
	deleted, assumable := row("deleted", 9), row("assumable", 9)
	deleted.Deleted, assumable.Assumable = true, true
	if got := chooseExample([]accessRow{deleted, row("../x", 9), row("small", 1), row("large", 3), row("middle", 2),
		assumable}); got == nil || got.ID != "large" {
		t.Errorf("the example is %+v, want the large one", got)
	}
	if got := chooseExample([]accessRow{deleted, assumable}); got != nil {
		t.Errorf("the example is %+v, want none", got)
	}
}

// TestLastRead checks that only pages of the API count, and only those of the last attempt to read a list.
func TestLastRead(t *testing.T) {
	t.Parallel()
	page := func(cursor string) Exchange {
		return Exchange{Status: 200, Query: url.Values{"cursor": {cursor}}, top: fields{"users": nil}}
	}
	for name, change := range map[string]func(*Exchange){
		"an error":                  func(x *Exchange) { x.Status = 503 },
		"no answer":                 func(x *Exchange) { x.Status, x.top = 0, nil },
		"half a page":               func(x *Exchange) { x.top = nil },
		"JSON that is a web page":   func(x *Exchange) { x.Header = http.Header{"Content-Type": {"text/html"}} },
		"a redirect with an object": func(x *Exchange) { x.Status = 302 },
	} {
		failedFirst, failedSecond := page(""), page("c")
		change(&failedFirst)
		change(&failedSecond)
		for order, tt := range map[string]struct {
			exchanges []Exchange
			from      int // of the last attempt; -1: none
			pages     int
		}{
			"before the list":      {[]Exchange{failedFirst, page(""), page("c")}, 1, 2},
			"between its pages":    {[]Exchange{page(""), failedSecond, page("c")}, 0, 2},
			"in the next attempt":  {[]Exchange{page(""), page("c"), failedFirst}, 0, 2},
			"then another attempt": {[]Exchange{page(""), failedSecond, failedSecond, page("")}, 3, 1},
			"always":               {[]Exchange{failedFirst, failedFirst}, -1, 0},
		} {
			e := &Endpoint{Exchanges: tt.exchanges}
			var want []Exchange
			if tt.from >= 0 {
				want = tt.exchanges[tt.from:]
			}
			if diff := cmp.Diff(want, e.lastRead(), cmp.AllowUnexported(Exchange{})); diff != "" || e.Pages() != tt.pages {
				t.Errorf("%s %s: %d pages, want %d; (-want +got):\n%s", name, order, e.Pages(), tt.pages, diff)
			}
		}
	}
}

func TestIsIntercepted(t *testing.T) {
	t.Parallel()
	page, answer := http.Header{"Content-Type": {"text/html"}}, http.Header{"Content-Type": {"application/json"}}
	for name, tt := range map[string]struct {
		exchange Exchange
		want     bool
	}{
		"no answer":            {Exchange{}, false},
		"an answer of the API": {Exchange{Status: 200, Header: answer}, false},
		"an error of the API":  {Exchange{Status: 503, Header: answer}, false},
		"a redirect":           {Exchange{Status: 302, Header: answer}, true},
		"a login page":         {Exchange{Status: 200, Header: page}, true},
		"a page of a gateway":  {Exchange{Status: 503, Header: page}, true},
	} {
		if got := tt.exchange.IsIntercepted(); got != tt.want {
			t.Errorf("%s: intercepted %t, want %t", name, got, tt.want)
		}
	}
}

// These forms are not in the simulated API.
func TestObservedForms(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)
	tests := []struct{ name, row, axis, want string }{
		{"permissions empty", `{"permissions":{}}`, "permissions", "object"},
		{"permissions absent", `{}`, "permissions", "absent"},
		{"permissions number", `{"permissions":3}`, "permissions", "number"},
		{"unknown word, expired", `{"invite_status":"Gone stale","expiration_date":"2026-11-01T00:00:00Z"}`, "lapsed",
			"Gone stale"},
		{"unknown word, answered",
			`{"invite_status":"Odd","expiration_date":"2026-11-01T00:00:00Z","date_responded":"2026-10-31T00:00:00Z"}`,
			"lapsed", ""},
		{"pending, not expired", `{"invite_status":"Pending","expiration_date":"2026-11-24T00:00:00Z"}`, "lapsed", ""},
		{"pending, expired by its creation", `{"invite_status":"Pending","date_created":"2026-11-20 06:00:00"}`, "lapsed",
			"pending"},
		{"mixed letters", `{"invite_status":"InviteSent"}`, "words", "mixed"},
		{"status is a bool", `{"status":true}`, "status", "bool"},
		{"expiration absent", `{}`, "expiration", "absent"},
		{"date is a number", `{"date_created":1790000000}`, "dates", "number"},
		{"date of another form", `{"date_created":"23/11/2026"}`, "dates", "other"},
		{"date with a fraction", `{"date_created":"2026-11-01T00:00:00.123Z"}`, "dates", "z"},
		{"creation not told", `{"date_created":null}`, "dates", "null"},
		{"words of the server are bounded", `{"invite_status":"a\u001b[31m` + strings.Repeat("x", 300) + `"}`, "status-words",
			"a[31m" + strings.Repeat("x", 194) + "…"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := newTraits(shorten)
			row := decodeFields(t, test.row)
			got.addInvitation(row, now)
			got.addDates(row)
			for _, trait := range got.list() {
				if trait.Axis == test.axis && strings.Join(trait.Seen, " ") != test.want {
					t.Errorf("%s: %q, want %q", test.axis, trait.Seen, test.want)
				}
			}
		})
	}
	t.Run("suspended member", func(t *testing.T) {
		t.Parallel()
		got := newTraits(shorten)
		users := []fields{decodeFields(t, `{"id":"u1","email":"ada@example.com","status":false}`)}
		got.addMembers(nil, []fields{decodeFields(t, `{"id":"u1","email":"Ada@example.com","active":false}`)}, users)
		if got.seen["removal"] != nil {
			t.Error("a suspended member passes for one who was taken out of the group")
		}
	})
	t.Run("many words", func(t *testing.T) {
		t.Parallel()
		got := newTraits(shorten)
		for i := range 100 {
			got.add("status-words", fmt.Sprint(i))
		}
		if n := len(got.seen["status-words"]); n != maxTraitValues {
			t.Errorf("%d values are kept, want %d", n, maxTraitValues)
		}
	})
}

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
		{"pending, without a date", `{"invite_status":"Pending"}`, "lapsed", ""},
		{"declined, expiration in the past", `{"invite_status":"Declined","expiration_date":"2026-11-01T00:00:00Z"}`,
			"lapsed", ""},
		{"registered with the same address", `{"email_invited":"ada@a.example","email_registered":"Ada@a.example"}`,
			"registered", "same"},
		{"registered with another address", `{"email_invited":"ada@a.example","email_registered":"ada@b.example"}`,
			"registered", "another"},
		{"not registered", `{"email_invited":"ada@a.example"}`, "registered", ""},
		{"registered, invited address absent", `{"email_registered":"ada@a.example"}`, "registered", ""},
		{"date of the expiration", `{"expiration_date":"2026-11-01 00:00:00"}`, "dates", "sql"},
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
	const active, suspended = `{"id":"u1","status":true}`, `{"id":"u1","status":false}`
	for _, test := range []struct {
		name     string
		all, own string // the rows of the two lists
		hidden   bool   // the key may not read the second list
		lists    []string
		statuses []string // in the first list
	}{
		{name: "nobody suspended", all: active},
		{name: "suspended in both lists", all: suspended, own: suspended, lists: []string{"both"},
			statuses: []string{"false"}},
		{name: "active in one list", all: active, own: suspended, lists: []string{"both"}, statuses: []string{"true"}},
		{name: "only in the list of suspended users", own: suspended, lists: []string{"own"}},
		{name: "only in the list of users", all: suspended, lists: []string{"users"}, statuses: []string{"false"}},
		{name: "in the list of users, the other is hidden", all: suspended, hidden: true, statuses: []string{"false"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := newTraits(shorten)
			rows := func(text string) []fields { return decodeObjects([]byte("[" + text + "]")) }
			got.addSuspended(rows(test.all), rows(test.own), !test.hidden)
			if diff := cmp.Diff(test.lists, got.seen["suspended"]); diff != "" {
				t.Errorf("lists (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.statuses, got.seen["suspended-status"]); diff != "" {
				t.Errorf("statuses (-want +got):\n%s", diff)
			}
		})
	}
	const ada, bob = `{"id":"u1","email":"ada@example.com"}`, `{"id":"u2","email":"bob@example.com","status":false}`
	for _, test := range []struct {
		name, embedded, list     string // the members in the row of the group, and in the list of its members
		members, memberID, taken []string
	}{
		{name: "no members"},
		{name: "all members in the row", embedded: ada + "," + bob, list: ada + "," + bob, members: []string{"all"},
			memberID: []string{"user"}},
		{name: "some members in the row", embedded: ada, list: ada + "," + bob, members: []string{"capped"},
			memberID: []string{"user"}},
		{name: "more members in the row", embedded: ada + "," + bob, list: ada, memberID: []string{"user"}},
		{name: "id of the membership, with the id of the user", list: `{"id":"m1","user_id":"u1"}`,
			members: []string{"capped"}, memberID: []string{"own"}},
		{name: "id of the membership, with an address", list: `{"id":"m1","email":"Ada@example.com"}`,
			members: []string{"capped"}, memberID: []string{"own"}},
		{name: "somebody else", list: `{"id":"m1","email":"eve@example.com"}`, members: []string{"capped"}},
		{name: "taken out", list: `{"id":"u1","email":"Ada@example.com","active":false}`, members: []string{"capped"},
			memberID: []string{"user"}, taken: []string{"soft"}},
		{name: "suspended member", list: `{"id":"u2","email":"Bob@example.com","active":false}`,
			members: []string{"capped"}, memberID: []string{"user"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got := newTraits(shorten)
			rows := func(text string) []fields { return decodeObjects([]byte("[" + text + "]")) }
			got.addMembers(fields{"members": []byte("[" + test.embedded + "]")}, rows(test.list), rows(ada+","+bob))
			for axis, want := range map[string][]string{
				"group-members": test.members, "member-id": test.memberID, "removal": test.taken,
			} {
				if diff := cmp.Diff(want, got.seen[axis]); diff != "" {
					t.Errorf("%s (-want +got):\n%s", axis, diff)
				}
			}
		})
	}
	t.Run("one word twice, and no word", func(t *testing.T) {
		t.Parallel()
		got := newTraits(shorten)
		for _, word := range []string{"pending", "", "pending"} {
			got.add("status-words", word)
		}
		if diff := cmp.Diff([]string{"pending"}, got.seen["status-words"]); diff != "" {
			t.Errorf("words (-want +got):\n%s", diff)
		}
	})
	t.Run("content types", func(t *testing.T) {
		t.Parallel()
		for mediaType, want := range map[string]string{
			"": "missing", "application/json": "json", "application/json; charset=utf-8": "charset",
			"application/vnd.api+json": "vendor", "text/plain; charset=utf-8": "text/plain", ";": "unreadable",
		} {
			got := newTraits(shorten)
			got.addContentType(http.Header{"Content-Type": {mediaType}})
			if diff := cmp.Diff([]string{want}, got.seen["content-type"]); diff != "" {
				t.Errorf("%q (-want +got):\n%s", mediaType, diff)
			}
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

// TestTraits checks that only answers that could be read show a trait.
func TestTraits(t *testing.T) {
	t.Parallel()
	const end = `,"meta":{"total":1,"links":{"next":""}}}`
	const unreadable = `,"meta":{"total":1.5}}`
	const group = `{"groups":[{"id":"g1","display_name":"platform","members":[{"id":"u1"}]}]`
	base := world{
		orgsPath: `{"orgs":[{"id":"o1","name":"Example Org"}]` + end, "/v2/account": `{"email":"ada@example.com"}`,
		invitationPath: `{"invites":[{"id":"i1"}]` + end, invitationPath + "/i1": `{"id":"i1"}`,
		"/v2/users":   `{"users":[{"id":"u1","email":"ada@example.com"},{"id":"u2","suspended":true}]` + end,
		suspendedPath: noUsers, "/v2/groups": group + end, "/v2/groups/g1/members": `{"members":[{"id":"u1"}]` + end,
	}
	for _, test := range []struct {
		name, axis string
		change     world
		want       []string
	}{
		{name: "pages of lists, not the account", axis: "meta", want: []string{"full"}},
		{name: "pages of a list that cannot be read", axis: "meta", want: []string{"full"},
			change: world{"/v2/users": `{"users":[{"id":"u1"}]` + unreadable}},
		{name: "a suspended user, in one of two lists", axis: "suspended", want: []string{"users"}},
		{name: "a suspended user, and there is one list", axis: "suspended", want: []string{"users"},
			change: world{suspendedPath: 404}},
		{name: "a suspended user, and the other list is hidden", axis: "suspended", change: world{suspendedPath: 403}},
		{name: "a suspended user, and the list of users is hidden", axis: "suspended",
			change: world{"/v2/users": 403, suspendedPath: `{"users":[{"id":"u2"}]` + end}},
		{name: "members of a group", axis: "group-members", want: []string{"all"}},
		{name: "members of a group that cannot be read", axis: "group-members",
			change: world{"/v2/groups/g1/members": `{"members":[{"id":"u1"}]` + unreadable}},
		{name: "no groups", axis: "group-members", change: world{"/v2/groups": `{"groups":[]}`}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, err := base.with(test.change).client(t).Survey(t.Context(), "")
			if err != nil {
				t.Fatal(err)
			}
			for _, trait := range s.Traits() {
				if diff := cmp.Diff(test.want, trait.Seen); trait.Axis == test.axis && diff != "" {
					t.Errorf("%s (-want +got):\n%s", test.axis, diff)
				}
			}
		})
	}
}

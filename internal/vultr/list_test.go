package vultr

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/org"
)

// userPage returns a page with users with these ids. It has no meta if meta is "".
func userPage(ids, meta string) string {
	var rows []string
	for id := range strings.FieldsSeq(ids) {
		rows = append(rows, fmt.Sprintf(`{"id":%q,"email":"%s@example.com"}`, id, id))
	}
	body := `{"users":[` + strings.Join(rows, ",") + `]`
	if meta != "" {
		body += `,"meta":` + meta
	}
	return body + "}"
}

func manyIDs(n int) string {
	var ids strings.Builder
	for i := range n {
		fmt.Fprintf(&ids, "u%d ", i)
	}
	return ids.String()
}

func TestList(t *testing.T) {
	t.Parallel()
	const end = `{"total":3,"links":{"next":"","prev":""}}`
	tests := []struct {
		name  string
		pages []string // answers in order; the last one is given again and again
		want  string   // the ids; or else
		words string   // in the error
		asked []string // the cursors asked for, where it matters
		sizes []string // the page sizes asked for, where it matters

		mayRepeat bool // as in listing
	}{
		{name: "one page", pages: []string{userPage("a b c", end)}, want: "a b c", asked: []string{""}},
		{name: "empty", pages: []string{userPage("", `{"total":0,"links":{"next":""}}`)}},
		{name: "null with total 0", pages: []string{`{"users":null,"meta":{"total":0}}`}},
		{
			name: "three pages",
			pages: []string{userPage("a", `{"total":3,"links":{"next":"c&1"}}`),
				userPage("b", `{"total":3,"links":{"next":"c2"}}`), userPage("c", end)},
			want: "a b c", asked: []string{"", "c&1", "c2"},
		},
		{
			name:  "cursor as a number",
			pages: []string{userPage("a", `{"total":2,"links":{"next":7}}`), userPage("b", `{"total":2,"links":{"next":null}}`)},
			want:  "a b", asked: []string{"", "7"},
		},
		{name: "null cursor", pages: []string{userPage("a b c", `{"total":3,"links":{"next":null}}`)}, want: "a b c"},
		{name: "cursor false", pages: []string{userPage("a b c", `{"total":3,"links":{"next":false}}`)}, want: "a b c"},
		{name: "cursor 0", pages: []string{userPage("a b c", `{"total":3,"links":{"next":0}}`)}, want: "a b c"},
		{name: "more pages by another name", pages: []string{userPage("a", `{"next_cursor":"x"}`)}, words: "goes on"},
		{name: "more pages by a flag", pages: []string{`{"users":[{"id":"a"}],"has_more":true}`}, words: "goes on"},
		{name: "links at the top", pages: []string{`{"users":[{"id":"a"}],"links":{"Next":"x"}}`}, words: "goes on"},
		{name: "links as a list", pages: []string{userPage("a", `{"links":[{"rel":"next","cursor":"x"}]}`)},
			words: "goes on"},
		{name: "a cursor in an object of another name",
			pages: []string{`{"users":[{"id":"a"}],"pagination":{"cursors":{"next":"x"}}}`}, words: "goes on"},
		{name: "a cursor in an object inside meta", pages: []string{userPage("a", `{"pagination":{"next":"x"}}`)},
			words: "goes on"},
		{name: "meta in capitals", pages: []string{`{"users":[{"id":"a"}],"Meta":{"Links":{"Next":"x"}}}`}, words: "goes on"},
		{name: "meta as a list", pages: []string{userPage("a", `[{"total":9,"links":{"next":"x"}}]`)},
			words: "meta is a list"},
		{name: "meta as a text", pages: []string{userPage("a", `"next=x"`)}, words: "meta is a text"},
		{name: "a link as a text", pages: []string{userPage("a", `{"links":"/v2/users?cursor=x"}`)},
			words: "meta.links is a text"},
		{name: "meta as PHP writes nothing", pages: []string{userPage("a", `[]`)}, want: "a"},
		{name: "total at the top", pages: []string{`{"users":[{"id":"a"}],"total":600}`},
			words: "counts 600 rows but lists 1"},
		{name: "total by another name", pages: []string{userPage("a", `{"total_count":"600"}`)},
			words: "counts 600 rows but lists 1"},
		{name: "total by another name, above meta.total",
			pages: []string{userPage("a", `{"total":1,"pagination":{"totalItems":600}}`)}, words: "counts 600 rows but lists 1"},
		{name: "total of all pages", pages: []string{userPage("a", `{"total_pages":24,"page":1}`)},
			words: "the server counts 24 pages but names no page after page 1"},
		{name: "total by another name on the first page", pages: slices.Repeat([]string{
			`{"users":[{"id":"a"}],"total_count":600,"meta":{"links":{"next":"c1"}}}`, userPage("b", `{"links":{"next":""}}`),
		}, maxListReads),
			words: "counts 600 rows but lists 2"},
		{name: "total of all pages on the first page", pages: []string{
			`{"users":[{"id":"a"}],"total_pages":24,"meta":{"links":{"next":"c1"}}}`, userPage("b", `{"links":{"next":""}}`)},
			words: "the server counts 24 pages but names no page after page 2"},
		{name: "total of all pages fell at first", pages: []string{
			`{"users":[{"id":"a"}],"total_pages":3,"meta":{"links":{"next":"c1"}}}`,
			`{"users":[{"id":"c"}],"total_pages":2,"meta":{"links":{"next":""}}}`,
			`{"users":[{"id":"b"}],"total_pages":2,"meta":{"links":{"next":"c1"}}}`,
			`{"users":[{"id":"c"}],"total_pages":2,"meta":{"links":{"next":""}}}`,
		}, want: "b c"},
		{name: "total of one page", pages: []string{`{"users":[{"id":"a"}],"total":1,"last_page":1,"per_page":25}`},
			want: "a"},
		{name: "no more pages by other names", pages: []string{`{"users":[{"id":"a"}],"has_more":false,"next_page":null}`},
			want: "a"},
		{name: "no cursor", pages: []string{userPage("a b c", `{"total":3,"links":{}}`)}, want: "a b c"},
		{name: "null links", pages: []string{userPage("a b c", `{"total":3,"links":null}`)}, want: "a b c"},
		{name: "links as PHP writes nothing", pages: []string{userPage("a b c", `{"total":"3","links":[]}`)}, want: "a b c"},
		{name: "null meta", pages: []string{userPage("a b c", "null")}, want: "a b c"},
		{name: "no meta", pages: []string{userPage("a b c", "")}, want: "a b c"},
		{name: "no meta, just below the smallest page", pages: []string{userPage(manyIDs(99), "")},
			want: strings.TrimSpace(manyIDs(99))},
		{
			name: "no meta and a page that may be full", pages: []string{userPage(manyIDs(100), "")},
			words: "does not say whether the list goes on",
			sizes: []string{"500", "99", "99"},
		},
		{
			name: "no meta because all fits one page",
			pages: []string{userPage(manyIDs(120), ""), userPage(manyIDs(99), `{"total":120,"links":{"next":"x"}}`),
				userPage(manyIDs(120)[len(manyIDs(99)):], "")},
			want: strings.TrimSpace(manyIDs(120)), sizes: []string{"500", "99", "99"},
		},
		{name: "no total, a full page, and an end in so many words",
			pages: []string{userPage(manyIDs(100), `{"links":{"next":""}}`)}, want: strings.TrimSpace(manyIDs(100))},
		{
			name: "total below the rows of a page that may be full", pages: []string{userPage(manyIDs(100), `{"total":0}`)},
			words: "does not say whether the list goes on", sizes: []string{"500", "99", "99"},
		},
		{
			name: "total of each page, which says nothing about the list",
			pages: []string{userPage(manyIDs(100), `{"total":99}`),
				userPage(manyIDs(99), `{"total":99,"links":{"next":"x"}}`), userPage("z", `{"total":99}`)},
			want: strings.TrimSpace(manyIDs(99)) + " z", sizes: []string{"500", "99", "99"},
		},
		{name: "total reached without links", pages: []string{userPage(manyIDs(100), `{"total":100}`)},
			want: strings.TrimSpace(manyIDs(100))},
		{
			name: "total of an earlier page holds where the last has none",
			pages: []string{userPage("a", `{"total":3,"links":{"next":"x"}}`), userPage("b", ""),
				userPage("a", `{"total":3,"links":{"next":"x"}}`), userPage("b c", "")},
			want: "a b c",
		},
		{
			name:  "more rows than counted",
			pages: []string{userPage("a b c", `{"total":1,"links":{"next":""}}`)}, want: "a b c",
		},
		{
			name: "a row on two pages counts once, as it was last",
			pages: []string{
				`{"users":[{"id":"a"},{"id":"b"}],"meta":{"total":3,"links":{"next":"x"}}}`,
				`{"users":[{"id":"b","name":"new"},{"id":"c"}],"meta":{"total":3}}`,
			},
			want: "a b c",
		},
		{name: "a row twice on a page that may repeat rows", pages: []string{userPage("a a", `{"total":2}`)}, want: "a",
			mayRepeat: true},
		{
			name:  "a row on two pages that may repeat rows, so another row has moved",
			pages: []string{userPage("a", `{"total":2,"links":{"next":"x"}}`), userPage("a", `{"total":2}`)}, mayRepeat: true,
			words: "counts 2 rows but lists 1",
		},
		{
			name: "an address changed between pages at first",
			pages: []string{
				userPage("a b", `{"total":3,"links":{"next":"x"}}`),
				`{"users":[{"id":"b","email":"new@example.com"},{"id":"c"}],"meta":{"total":3}}`,
				`{"users":[{"id":"a"},{"id":"b","email":"new@example.com"}],"meta":{"total":3,"links":{"next":"x"}}}`,
				userPage("c", `{"total":3}`),
			},
			want: "a b:new@example.com c",
		},
		{
			name:  "two people share an id, and the server does not count",
			pages: []string{`{"users":[{"id":"a","email":"ada@example.com"},{"id":"a","email":"bob@example.com"}]}`},
			words: `two rows with different addresses have the id "a", in each of 3 attempts`,
		},
		{
			name: "a row moved away at first",
			pages: []string{userPage("a b", `{"total":3,"links":{"next":"x"}}`), userPage("b", `{"total":3}`),
				userPage("a b", `{"total":3,"links":{"next":"x"}}`), userPage("c", `{"total":3}`)},
			want: "a b c", asked: []string{"", "x", "", "x"},
		},
		{
			name: "the total changed at first",
			pages: []string{userPage("a b", `{"total":4,"links":{"next":"x"}}`), userPage("d", `{"total":3}`),
				userPage("b c", `{"total":3,"links":{"next":"x"}}`), userPage("d", `{"total":3}`)},
			want: "b c d",
		},
		{
			name: "the total changes always",
			pages: []string{userPage("a", `{"total":2,"links":{"next":"x"}}`), userPage("b", `{"total":1}`),
				userPage("a", `{"total":2,"links":{"next":"x"}}`), userPage("b", `{"total":1}`),
				userPage("a", `{"total":2,"links":{"next":"x"}}`), userPage("b", `{"total":1}`)},
			words: "the number of rows changed between pages, in each of 3 attempts",
		},
		{
			name: "the total changes, but not on the last page",
			pages: []string{
				userPage("a", `{"total":4,"links":{"next":"x"}}`), userPage("b", `{"total":3,"links":{"next":"y"}}`),
				userPage("c", `{"total":3}`),
				userPage("a", `{"total":4,"links":{"next":"x"}}`), userPage("b", `{"total":3,"links":{"next":"y"}}`),
				userPage("c", `{"total":3}`),
				userPage("a", `{"total":4,"links":{"next":"x"}}`), userPage("b", `{"total":3,"links":{"next":"y"}}`),
				userPage("c", `{"total":3}`),
			},
			words: "the number of rows changed between pages, in each of 3 attempts",
		},
		{
			name: "the total changes at first, and later a page that may be full has none",
			pages: []string{userPage("a", `{"total":2,"links":{"next":"x"}}`), userPage("b", `{"total":1}`),
				userPage("a", `{"total":2,"links":{"next":"x"}}`), userPage("b", `{"total":1}`), userPage(manyIDs(100), "")},
			words: "does not say whether the list goes on", asked: []string{"", "x", "", "x", ""},
		},
		{
			name:  "total above the rows",
			pages: []string{userPage("a b", `{"total":3}`)},
			words: "the server counts 3 rows but lists 2, in each of 3 attempts", asked: []string{"", "", ""},
		},
		{
			name:  "total above the rows because of a duplicate",
			pages: []string{userPage("a b b", `{"total":3}`)}, words: "counts 3 rows but lists 2",
		},
		{name: "repeated cursor", pages: []string{userPage("a", `{"total":9,"links":{"next":"x"}}`)},
			words: "the next page is one that was read before", asked: []string{"", "x"}},
		{
			name: "cursors in a circle",
			pages: []string{userPage("a", `{"links":{"next":"x"}}`), userPage("b", `{"links":{"next":"y"}}`),
				userPage("c", `{"links":{"next":"x"}}`)},
			words: "the next page is one that was read before",
		},
		{name: "cursor of a strange kind", pages: []string{userPage("a", `{"total":1,"links":{"next":{"page":2}}}`)},
			words: `meta.links.next is {"page":2}`},
		{name: "total as a fraction that is whole", pages: []string{userPage("a b", `{"total":2.0}`)}, want: "a b"},
		{name: "total with an exponent", pages: []string{userPage("a b", `{"total":9e0}`)},
			words: "counts 9 rows but lists 2"},
		{name: "total as text", pages: []string{userPage("a b", `{"total":"9"}`)}, words: "counts 9 rows but lists 2"},
		{name: "null total", pages: []string{userPage("a b", `{"total":null}`)}, want: "a b"},
		{name: "half a row", pages: []string{userPage("a b", `{"total":2.5}`)},
			words: "meta.total is 2.5, which is not a count"},
		{name: "less than nobody", pages: []string{userPage("a b", `{"total":-1}`)}, words: "meta.total is -1, which is " +
			"not a count"},
		{name: "more than can be counted", pages: []string{userPage("a b", `{"total":1e30}`)},
			words: "meta.total is 1e30, which is not a count"},
		{name: "total in words", pages: []string{userPage("a b", `{"total":"many"}`)},
			words: `meta.total is "many", which is not a count`},
		{name: "total of a strange kind", pages: []string{userPage("a b", `{"total":{"rows":2}}`)},
			words: `meta.total is {"rows":2}, which is not a count`},
		{name: "no list", pages: []string{`{"meta":{"total":0}}`}, words: `the answer has no "users"`},
		{name: "an error with status 200", pages: []string{`{"error":"try later"}`}, words: "the answer says: try later"},
		{name: "an error beside an empty list", pages: []string{`{"users":[],"error":"try later","meta":{"total":0}}`},
			words: "the answer says: try later"},
		{name: "an error that says nothing", pages: []string{`{"users":[],"error":"","meta":{"total":0}}`}},
		{name: "no error", pages: []string{`{"users":[],"error":false,"meta":{"total":0}}`}},
		{name: "list of another kind", pages: []string{`{"users":{"a":1},"meta":{"total":0}}`},
			words: `"users" is not a list`},
		{name: "null without a total", pages: []string{`{"users":null}`}, words: `"users" is null`},
		{name: "null with a total", pages: []string{`{"users":null,"meta":{"total":1}}`}, words: `"users" is null`},
		{name: "null row", pages: []string{`{"users":[{"id":"a"},null],"meta":{"total":2}}`},
			words: `row 2 of "users" is not an object`},
		{name: "text row", pages: []string{`{"users":["a"]}`}, words: `row 1 of "users" is not an object`},
		{
			name: "rows without ids differ by their contents",
			pages: []string{`{"users":[{"email":"a@example.com"},{"email":"b@example.com"},{"email":"a@example.com"}],` +
				`"meta":{"total":2}}`},
			want: ":a@example.com :b@example.com",
		},
		{
			name: "a row without an id on two pages, with another name, so another row has moved",
			pages: []string{
				`{"users":[{"email":"a@example.com"},{"email":"b@example.com"}],"meta":{"total":3,"links":{"next":"x"}}}`,
				`{"users":[{"email":"B@example.com","name":"new"}],"meta":{"total":3}}`,
				`{"users":[{"email":"a@example.com"},{"email":"b@example.com"}],"meta":{"total":3,"links":{"next":"x"}}}`,
				`{"users":[{"email":"c@example.com"}],"meta":{"total":3}}`,
			},
			want: ":a@example.com :b@example.com :c@example.com", asked: []string{"", "x", "", "x"},
		},
		{
			name:  "an id that looks like the address of another row",
			pages: []string{`{"users":[{"id":"a"},{"email":"b@example.com"},{"id":"b@example.com"}],"meta":{"total":3}}`},
			want:  "a :b@example.com b@example.com",
		},
		{name: "a failing second page", pages: []string{userPage("a", `{"total":2,"links":{"next":"x"}}`), "403"},
			words: "HTTP 403"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var asked, sizes []string
				c := newBubbleClient(t, func(w http.ResponseWriter, r *http.Request) {
					body := test.pages[min(len(asked), len(test.pages)-1)]
					asked, sizes = append(asked, r.FormValue("cursor")), append(sizes, r.FormValue("per_page"))
					if body == "403" {
						answerJSON(w, 403, `{"error":"no"}`)
						return
					}
					answerJSON(w, 200, body)
				}, nil)
				l := users
				l.mayRepeat = test.mayRepeat
				l.decode = func(f fields) org.User {
					synctest.Wait() // until the next page has been requested, if it is
					return decodeUser(f)
				}
				rows, err := list(t.Context(), c, l)
				if test.words != "" {
					if err == nil || !strings.Contains(err.Error(), test.words) || !strings.HasPrefix(err.Error(), "list users: ") ||
						rows != nil {
						t.Errorf("list gives %d rows and the error %v, want %q", len(rows), err, test.words)
					}
				} else {
					if err != nil {
						t.Fatal(err)
					}
					var got []string
					for _, u := range rows {
						id := u.ID
						if e := u.Email.String(); e != "" && e != id+"@example.com" {
							id += ":" + e
						}
						got = append(got, id)
					}
					if diff := cmp.Diff(test.want, strings.Join(got, " ")); diff != "" {
						t.Errorf("rows (-want +got):\n%s", diff)
					}
				}
				if diff := cmp.Diff(test.asked, asked); test.asked != nil && diff != "" {
					t.Errorf("cursors asked for (-want +got):\n%s", diff)
				}
				if diff := cmp.Diff(test.sizes, sizes); test.sizes != nil && diff != "" {
					t.Errorf("page sizes asked for (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestRowsOfOneThing checks which of several rows about one invitation or user counts, in either order and on one page
// or two.
func TestRowsOfOneThing(t *testing.T) {
	t.Parallel()
	const created = `"date_created":"2026-06-01T10:00:00Z"`
	const renewed = `"invite_status":"Pending","expiration_date":"2026-06-09T10:00:00Z",` + created
	const before = `"invite_status":"Expired","expiration_date":"2026-06-04T10:00:00Z",` + created
	for name, test := range map[string]struct{ row, other, want string }{
		"invitation renewed":  {renewed, before, "pending"},
		"invitation accepted": {`"invite_status":"Accepted"`, renewed, "accepted"},
		"invitation accepted, left, and sent again": {renewed, `"invite_status":"Accepted",` +
			`"date_responded":"2026-06-02T10:00:00Z","expiration_date":"2026-06-04T10:00:00Z",` + created, "pending"},
		"user suspended": {`"status":false`, `"status":true`, "suspended"},
		"user locked":    {`"status":"Locked"`, `"status":true`, "suspended Locked"},
		"user joined":    {`"invite_accepted":true`, `"invite_accepted":false`, ""},
		"user active":    {`"status":"active"`, `"status":"invited"`, ""},
		"user invited":   {`"status":"invited"`, `"invite_accepted":false`, "not accepted"},
	} {
		for _, rows := range [][]string{{test.row, test.other}, {test.other, test.row}} {
			for i := range rows {
				rows[i] = `{"id":"x","email":"ada@example.com","email_invited":"ada@example.com",` + rows[i] + `}`
			}
			for _, pages := range [][]string{{strings.Join(rows, ","), ""}, rows} {
				w := func(rw http.ResponseWriter, r *http.Request) {
					page, meta := pages[0], `{"links":{"next":"c"}}`
					if r.FormValue("cursor") != "" {
						page, meta = pages[1], `{"links":{"next":""}}`
					}
					answerJSON(rw, 200, `{"users":[`+page+`],"invites":[`+page+`],"meta":`+meta+`}`)
				}
				c := newTestClient(t, w)
				var got string
				if strings.HasPrefix(name, "invitation") {
					all, err := list(t.Context(), c, invitations)
					if err != nil || len(all) != 1 {
						t.Fatal(all, err)
					}
					got = string(all[0].Status)
				} else {
					all, err := list(t.Context(), c, users)
					if err != nil || len(all) != 1 {
						t.Fatal(all, err)
					}
					if all[0].Suspended {
						got = strings.TrimSpace("suspended " + all[0].StatusText)
					}
					if accepted := all[0].Accepted; accepted != nil && !*accepted {
						got += "not accepted"
					}
				}
				if got != test.want {
					t.Errorf("%s, %q: %q, want %q", name, pages, got, test.want)
				}
			}
		}
	}
}

func TestListWithoutEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		n := 0
		c := newBubbleClient(t, func(w http.ResponseWriter, r *http.Request) {
			n++
			answerJSON(w, 200, userPage("a", fmt.Sprintf(`{"total":1,"links":{"next":"c%d"}}`, n)))
		}, func(cfg *Config) {
			cfg.ListProgress = func(int, int) { synctest.Wait() } // until the next page has been requested, if it is
		})
		if _, err := list(t.Context(), c, users); err == nil || !strings.Contains(err.Error(), "more than 1000 pages") ||
			n != maxPages {
			t.Errorf("list gives %v after %d pages", err, n)
		}
	})
}

// TestListInPart checks that a list of which only a part can be read does not look like a list that the key may not
// read.
func TestListInPart(t *testing.T) {
	t.Parallel()
	for name, second := range map[string]http.HandlerFunc{
		"403": status(403, `{"error":"no"}`), "404": status(404, `{"error":"no"}`),
		"206": status(206, userPage("b", `{"total":2,"links":{"next":""}}`)),
	} {
		c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
			if r.FormValue("cursor") == "" {
				answerJSON(w, 200, userPage("a", `{"total":2,"links":{"next":"c"}}`))
				return
			}
			second(w, r)
		})
		rows, err := list(t.Context(), c, users)
		failure, ok := errors.AsType[*org.CallError](err)
		if !ok || failure.Failure != org.Unreadable || IsForbiddenOrMissing(err) || rows != nil {
			t.Errorf("%s on the second page: %v, %v", name, rows, err)
		}
	}
}

// TestListStatus checks which statuses of a success mean that the answer is a whole page.
func TestListStatus(t *testing.T) {
	t.Parallel()
	for code, whole := range map[int]bool{200: true, 203: true, 201: false, 206: false} {
		rows, err := list(t.Context(), inProcess(t, status(code, userPage("a", `{"total":1}`))), users)
		if whole && (err != nil || len(rows) != 1) ||
			!whole && (err == nil || rows != nil || asCallError(t, err).Failure != org.Unreadable) {
			t.Errorf("%d: %v, %v", code, rows, err)
		}
	}
}

// TestListWithLinkHeader checks that a page is not the last one if the header Link has a next page (RFC 8288).
func TestListWithLinkHeader(t *testing.T) {
	t.Parallel()
	for link, goesOn := range map[string]bool{
		`</v2/users?page=2>; rel="next"`:                                 true,
		`</v2/users?page=1>; rel="prev", </v2/users?page=2>; REL="NEXT"`: true,
		`</v2/users?page=2>; rel=next`:                                   true,
		`</v2/users?page=2>; title="2"; rel = "last next"`:               true,
		`</v2/users?page=1>; rel="prev"`:                                 false,
		`</v2/users?page=1>; rel=prev; title="not next"`:                 false,
	} {
		c := inProcess(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Link", link)
			answerJSON(w, 200, userPage("a", `{"total":1}`))
		}))
		rows, err := list(t.Context(), c, users)
		if goesOn && (err == nil || !strings.Contains(err.Error(), "goes on")) || !goesOn && (err != nil || len(rows) != 1) {
			t.Errorf("%s: %v, %v", link, rows, err)
		}
	}
}

// TestListWithCountHeaders checks that a list is not complete if a header counts more rows or pages, or names a next
// page.
func TestListWithCountHeaders(t *testing.T) {
	t.Parallel()
	for header, test := range map[string]struct{ value, words string }{
		"X-Total-Count": {"600", "counts 600 rows but lists 1"},
		"X-Total":       {"2", "counts 2 rows but lists 1"},
		"X-Total-Pages": {"24", "counts 24 pages"},
		"X-Next-Page":   {"2", "goes on"},
		"X-Per-Page":    {"25", ""},
	} {
		synctest.Test(t, func(t *testing.T) {
			c := newBubbleClient(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set(header, test.value)
				answerJSON(w, 200, userPage("a", `{"total":1}`))
			}, nil)
			rows, err := list(t.Context(), c, users)
			if test.words == "" && (err != nil || len(rows) != 1) ||
				test.words != "" && (err == nil || !strings.Contains(err.Error(), test.words)) {
				t.Errorf("%s: %v, %v", header, rows, err)
			}
		})
	}
}

func TestWholeNumber(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"0": 0, "12": 12, "12.0": 12, "1.2e1": 12, "2147483647": 2147483647,
		"2147483648": -1, "-5": -1, "1.5": -1, "NaN": -1, "+Inf": -1, "many": -1, "": -1,
	} {
		if got := wholeNumber(text); got != want {
			t.Errorf("%q: %d, want %d", text, got, want)
		}
	}
}

// TestForbiddenByProxy checks that a 403 without the error text of the API says nothing about the key, and that the
// content type makes no difference for an error text of the API.
func TestForbiddenByProxy(t *testing.T) {
	t.Parallel()
	asPage := func(body string) http.HandlerFunc { return htmlPage(403, body) }
	for name, tt := range map[string]struct {
		answer http.HandlerFunc
		isAPI  bool
	}{
		"page":                        {asPage("<title>Blocked</title>"), false},
		"nothing":                     {status(403, ""), false},
		"text":                        {status(403, "Forbidden"), false},
		"list":                        {status(403, `["error"]`), false},
		"object without error":        {status(403, `{"blocked":true}`), false},
		"message":                     {status(403, `{"message":"Forbidden"}`), true},
		"message in a page":           {asPage(`{"message":"Forbidden"}`), false},
		"error":                       {status(403, `{"error":"no"}`), true},
		"error with the content type": {asPage(`{"error":"no","status":403}`), true},
		"status":                      {status(403, `{"status":403}`), true},
	} {
		for _, path := range []string{"/v2/users", suspendedPath, "/v2/account"} {
			w := smallWorld()
			c := newTestClient(t, func(rw http.ResponseWriter, r *http.Request) {
				if r.URL.Path == path {
					tt.answer(rw, r)
					return
				}
				answerJSON(rw, 200, w[r.URL.Path].(string))
			})
			if s, err := c.ReadOrganization(t.Context(), "o1", nil); (err == nil) != tt.isAPI {
				t.Errorf("%s for %s: %+v, %v", name, path, s, err)
			}
		}
	}
}

// TestListEndsItsRequests checks that the next page is requested while a page is decoded, and that
// no request is in flight after list has returned an error.
func TestListEndsItsRequests(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		// Decoding takes so long that the next request has certainly started.
		bad := strings.Replace(userPage(manyIDs(9_000), `{"total":30000,"links":{"next":"c"}}`), "]", ",7]", 1)
		var begun, ended atomic.Int64
		cfg := testConfig("http://localhost")
		cfg.Transport = roundTripper(func(r *http.Request) (*http.Response, error) {
			if r.URL.Query().Get("cursor") == "" {
				w := httptest.NewRecorder()
				answerJSON(w, 200, bad)
				return w.Result(), nil
			}
			begun.Add(1)
			<-r.Context().Done()
			time.Sleep(time.Second)
			ended.Add(1)
			return nil, r.Context().Err()
		})
		_, err := list(t.Context(), mustNew(t, cfg), users)
		if err == nil || !strings.Contains(err.Error(), `row 9001 of "users" is not an object`) {
			t.Errorf("list gives %v", err)
		}
		if begun.Load() != ended.Load() {
			t.Errorf("%d requests were begun, and %d had ended", begun.Load(), ended.Load())
		}
	})
}

func TestBothListKeys(t *testing.T) {
	t.Parallel()
	for body, want := range map[string]string{
		`{"invitations":[{"id":"a"}]}`:                                                          "a",
		`{"invites":[{"id":"a"}]}`:                                                              "a",
		`{"invites":[{"id":"a"}],"invitations":[{"id":"a"},{"id":"b"}]}`:                        "a b",
		`{"invites":[{"id":"a"}],"invitations":null,"meta":{"total":1}}`:                        "a",
		`{"invites":[{"id":"a"}],"invitations":[],"meta":{"total":1}}`:                          "a",
		`{"invitations":[{"id":12345678901234567890123}],"invites":null}`:                       "12345678901234567890123",
		`{"invites":[{"id":"a","email_invited":"x@a.io"},{"id":"a","email_invited":"y@a.io"}]}`: "a a",
		`{"invites":[{"id":"a"},{"email_invited":"x@a.io"},{"email_invited":"y@a.io"}]}`:        "a  ", // two without an id
	} {
		c := newTestClient(t, status(200, body))
		rows, err := list(t.Context(), c, invitations)
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		var ids []string
		for _, i := range rows {
			ids = append(ids, i.ID)
		}
		if got := strings.Join(ids, " "); got != want {
			t.Errorf("%s: ids %q, want %q", body, got, want)
		}
	}
}

func TestMediaTypes(t *testing.T) {
	t.Parallel()
	for mediaType, ok := range map[string]bool{
		"application/json":                true,
		"application/json; charset=utf-8": true,
		"Application/JSON":                true,
		"application/vnd.api+json":        true,
		"text/json":                       true,
		"text/plain":                      true,
		"":                                true,
		"strange; =":                      true,
		"text/html":                       false,
		"TEXT/HTML; charset=utf-8":        false,
		"application/xhtml+xml":           false,
	} {
		c := newTestClient(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header()["Content-Type"] = []string{mediaType}
			w.WriteHeader(201)
			w.Write([]byte(sentToAda))
		})
		if _, err := c.Invite(t.Context(), ada, true); (err == nil) != ok {
			t.Errorf("%q: error %v, want success: %v", mediaType, err, ok)
		}
	}
}

// TestByteOrderMark checks that byte order marks before an answer make no difference (RFC 8259, 8.1).
func TestByteOrderMark(t *testing.T) {
	t.Parallel()
	const marks = "\ufeff\ufeff"
	rows, err := list(t.Context(), inProcess(t, status(200, marks+userPage("a", `{"total":1}`))), users)
	if err != nil || len(rows) != 1 {
		t.Errorf("a list: %v, %v", rows, err)
	}
	if _, err := inProcess(t, status(201, marks+sentToAda)).Invite(t.Context(), ada, true); err != nil {
		t.Errorf("an invitation: %v", err)
	}
	if _, err := inProcess(t, status(200, marks)).Edit(t.Context(), edits()["suspend"]); err != nil {
		t.Errorf("an edit: %v", err)
	}
	_, err = list(t.Context(), inProcess(t, status(403, marks+`{"error":"no"}`)), users)
	if !IsForbiddenOrMissing(err) || !strings.HasSuffix(err.Error(), "HTTP 403: no") {
		t.Errorf("an error: %v", err)
	}
}

// FuzzDecodeList checks that a page is either decoded completely or refused.
func FuzzDecodeList(f *testing.F) {
	for _, seed := range []string{
		userPage("a b c", `{"total":3,"links":{"next":"x"}}`), userPage("", "null"), `{"users":null,"meta":{"total":0}}`,
		`{"invites":[{}],"users":[{"id":1}]}`,
		`{"users":[[]]}`, `{"meta":[],"users":[]}`, `[]`, `null`, ``,
		`{"users":[{"id":"a","email":{"x":[1e999]},"status":"","name":null}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var top fields
		if json.Unmarshal(body, &top) != nil {
			return
		}
		p, err := decodeMeta(top)
		if err == nil {
			err = p.decodeRows(top, []string{"users", "invites"})
		}
		want := 0
		for _, key := range []string{"users", "invites"} {
			var rows []json.RawMessage
			if raw, ok := top[key]; ok && json.Unmarshal(raw, &rows) != nil && err == nil {
				t.Errorf("read, though %q is no list: %s", key, body)
			}
			want += len(rows)
		}
		switch {
		case err != nil && p.rows != nil:
			t.Errorf("rows beside the error %v", err)
		case err == nil && len(p.rows) != want:
			t.Errorf("%d rows of %d: %s", len(p.rows), want, body)
		}
		for _, r := range p.rows {
			decodeUser(r)
			decodeInvitation(r)
		}
	})
}

// TestReading checks the numbers that Config.Reading gets: both end at the number of requests that
// the list needed, whatever the server counts.
func TestReading(t *testing.T) {
	t.Parallel()
	page := func(ids, next string) string {
		return userPage(ids, fmt.Sprintf(`{"total":6,"links":{"next":%q}}`, next))
	}
	tests := []struct {
		name  string
		pages []string
		want  [][2]int
	}{
		{"one page", []string{userPage("a", `{"total":1,"links":{"next":""}}`)}, [][2]int{{0, 1}, {1, 1}}},
		{"three pages", []string{page("a b", "1"), page("c d", "2"), page("e f", "")}, [][2]int{{0, 1}, {1, 1}, {1, 3},
			{2, 3}, {3, 3}}},
		{
			"smaller pages than the first", []string{page("a b c", "1"), page("d", "2"), page("e", "3"), page("f", "")},
			[][2]int{{0, 1}, {1, 1}, {1, 2}, {2, 2}, {2, 4}, {3, 4}, {4, 4}},
		},
		{
			"larger pages than the first", []string{page("a", "1"), page("b c d e f", "")},
			[][2]int{{0, 1}, {1, 1}, {1, 6}, {2, 6}, {2, 2}},
		},
		{
			"an empty page on the way", []string{page("", "1"), page("a b c d e f", "")},
			[][2]int{{0, 1}, {1, 1}, {1, 2}, {2, 2}},
		},
		{"refused", nil, [][2]int{{0, 1}, {0, 0}}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			left := tt.pages
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if len(left) == 0 {
					answerJSON(w, http.StatusForbidden, `{"error":"no","status":403}`)
					return
				}
				answerJSON(w, http.StatusOK, left[0])
				left = left[1:]
			}))
			defer server.Close()
			var progress [][2]int
			cfg := testConfig(server.URL)
			cfg.ListProgress = func(done, known int) { progress = append(progress, [2]int{done, known}) }
			if _, err := list(t.Context(), mustNew(t, cfg), users); (err != nil) != (tt.pages == nil) {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, progress); diff != "" {
				t.Errorf("progress (-want +got):\n%s", diff)
			}
		})
	}
}

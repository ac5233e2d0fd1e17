package vultr

import (
	"fmt"
	"strings"
	"testing"
	"time"

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

package vultr

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/orgsync/orgsync/internal/org"
)

func decodeFields(t *testing.T, text string) fields {
	t.Helper()
	var f fields
	if err := json.Unmarshal([]byte(text), &f); err != nil {
		t.Fatal(err)
	}
	return f
}

func TestDecodeInvitation(t *testing.T) {
	t.Parallel()
	ten := time.Date(2026, 6, 1, 10, 0, 0, 0, time.UTC)
	tests := []struct {
		name, json string
		want       org.Invitation
	}{
		{
			"as govultr reads it",
			`{"id":"5f0c","inviter_name":"Ops","inviter_email":"ops@example.com","email_invited":"Dev@example.com",
			  "email_registered":"",
			  "permissions":{"api_enabled":true},"org_id":"9a1e","org_name":"Example Org","status":"pending","status_full":"x",
			  "invite_status":"Pending","date_created":"2026-06-01T10:00:00+00:00","date_responded":null,
			  "expiration_date":"2026-06-04T10:00:00Z"}`,
			org.Invitation{
				ID: "5f0c", Invited: org.MustParseAddress("Dev@example.com"), OrgID: "9a1e", OrgName: "Example Org",
				Status: org.StatusPending, StatusText: "Pending", APIEnabled: new(true), Created: ten,
				Expires: ten.AddDate(0, 0, 3),
			},
		},
		{
			"accepted, with dates and truth of other forms, and numbers for ids",
			`{"id":42,"email_invited":"dev@example.com","email_registered":"me@home.example",
			  "permissions":"{\"api_enabled\":\"no\"}",
			  "org_id":7,
			  "status":"ACCEPTED","date_created":"2026-06-01 10:00:00","date_responded":"2026-06-01T12:00:00.5+02:00",
			  "expiration_date":""}`,
			org.Invitation{
				ID: "42", OrgID: "7", Invited: org.MustParseAddress("dev@example.com"),
				Registered: org.MustParseAddress("me@home.example"),
				Status:     org.StatusAccepted, StatusText: "ACCEPTED", APIEnabled: new(false), Created: ten,
				Responded: ten.Add(500 * time.Millisecond),
			},
		},
		{
			"everything odd",
			`{"id":{},"email_invited":["x"],"email_registered":7,"permissions":[],"org_id":null,"org_name":[],
			  "status":{},"invite_status":[],
			  "date_created":"yesterday","date_responded":7,"expiration_date":"0000-00-00 00:00:00"}`,
			org.Invitation{Status: org.StatusUnknown, DateUnreadable: true},
		},
		{"nothing", `{}`, org.Invitation{Status: org.StatusUnknown}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.want.Unidentified = test.want.Invited.IsZero()
			if diff := cmp.Diff(test.want, decodeInvitation(decodeFields(t, test.json)), cmp.Comparer(sameAddress)); diff != "" {
				t.Errorf("invitation (-want +got):\n%s", diff)
			}
		})
	}
}

func sameAddress(a, b org.Address) bool { return a == b }

func TestInvitationStatus(t *testing.T) {
	t.Parallel()
	const responded, registered = `"date_responded":"2026-06-01T10:00:00Z"`, `"email_registered":"me@home.example"`
	const renewed = `"date_created":"2026-06-01T09:00:00Z","expiration_date":"2026-07-04T10:00:00Z"`
	tests := []struct {
		json string
		want org.InvitationStatus
		text string
	}{
		{`{"invite_status":"Pending"}`, org.StatusPending, "Pending"},
		{`{"invite_status":" PENDING "}`, org.StatusPending, "PENDING"},
		{`{"invite_status":"Invite Pending"}`, org.StatusPending, "Invite Pending"},
		{`{"invite_status":"Accepted"}`, org.StatusAccepted, "Accepted"},
		{`{"invite_status":"Invite Accepted"}`, org.StatusAccepted, "Invite Accepted"},
		{`{"invite_status":"invite_expired"}`, org.StatusExpired, "invite_expired"},
		{`{"invite_status":"INVITATION-DECLINED"}`, org.StatusDeclined, "INVITATION-DECLINED"},
		{`{"invite_status":"not accepted"}`, org.StatusUnknown, "not accepted"},
		// The status says that nobody has answered, and the other fields say who answered and when.
		{`{"invite_status":"Pending",` + responded + `,` + registered + `}`, org.StatusUnknown, "Pending"},
		{`{"invite_status":"Expired",` + responded + `,` + registered + `}`, org.StatusUnknown, "Expired"},
		{`{"invite_status":"Pending",` + responded + `,"email_registered":"m***@home.example"}`,
			org.StatusUnknown, "Pending"},
		{`{"invite_status":"Pending",` + registered + `}`, org.StatusPending, "Pending"},
		{`{"invite_status":"Pending",` + responded + `}`, org.StatusPending, "Pending"},
		{`{"invite_status":"Expired",` + responded + `}`, org.StatusExpired, "Expired"},
		{`{"invite_status":"Pending","status":"accepted"}`, org.StatusUnknown, "Pending"},
		// It was answered, and sent again after that. The server keeps the old answer.
		{`{"invite_status":"Pending",` + responded + `,` + registered + `,` + renewed + `}`, org.StatusPending, "Pending"},
		{`{"invite_status":"Expired",` + responded + `,` + registered + `,` + renewed + `}`, org.StatusExpired, "Expired"},
		{`{"invite_status":"Pending","status":"accepted",` + responded + `,` + renewed + `}`, org.StatusUnknown, "Pending"},
		{`{"invite_status":"Pending",` + responded + `,` + registered + `,"expiration_date":"2026-06-04T12:00:00Z"}`,
			org.StatusUnknown, "Pending"},
		{`{"invite_status":"expired"}`, org.StatusExpired, "expired"},
		{`{"invite_status":"Declined"}`, org.StatusDeclined, "Declined"},
		{`{"invite_status":"Rejected"}`, org.StatusDeclined, "Rejected"},
		{`{"invite_status":"cancelled"}`, org.StatusCancelled, "cancelled"},
		{`{"invite_status":"Canceled"}`, org.StatusCancelled, "Canceled"},
		{`{"invite_status":"Revoked"}`, org.StatusCancelled, "Revoked"},
		{`{"status":"pending"}`, org.StatusPending, "pending"},
		{`{"invite_status":"","status":"expired"}`, org.StatusExpired, "expired"},
		{`{"invite_status":null,"status":"accepted"}`, org.StatusAccepted, "accepted"},
		{`{"invite_status":"Accepted","status":"pending"}`, org.StatusAccepted, "Accepted"},
		{`{"invite_status":"Frozen","status":"pending"}`, org.StatusUnknown, "Frozen"},
		{`{"invite_status":{"name":"Accepted"},"status":"pending"}`, org.StatusUnknown, `{"name":"Accepted"}`},
		{`{"status":["accepted"],` + responded + `,` + registered + `}`, org.StatusUnknown, `["accepted"]`},
		{`{"invite_status":[],"status":"pending"}`, org.StatusPending, "pending"},
		{`{"status":1}`, org.StatusUnknown, "1"},
		{`{"status":true}`, org.StatusUnknown, "true"},
		{`{}`, org.StatusUnknown, ""},
		{`{` + responded + `}`, org.StatusUnknown, ""},
		{`{` + registered + `}`, org.StatusUnknown, ""},
		{`{` + responded + `,` + registered + `}`, org.StatusAccepted, ""},
		{`{"status":"odd",` + responded + `,` + registered + `}`, org.StatusUnknown, "odd"},
	}
	for _, test := range tests {
		got := decodeInvitation(decodeFields(t, test.json))
		if got.Status != test.want || got.StatusText != test.text {
			t.Errorf("%s: status %q, text %q; want %q, %q", test.json, got.Status, got.StatusText, test.want, test.text)
		}
		isUnclear := got.Status == org.StatusUnknown && (got.StatusText == "Pending" || got.StatusText == "Expired")
		if isUnclear != (got.StatusIfSentAgain != "") {
			t.Errorf("%s: if it was sent again, its status is %q", test.json, got.StatusIfSentAgain)
		}
	}
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	tests := map[string]*bool{
		`{"api_enabled":true}`:                  new(true),
		`{"api_enabled":false}`:                 new(false),
		`{"api_enabled":"yes"}`:                 new(true),
		`{"api_enabled":"No"}`:                  new(false),
		`{"api_enabled":1}`:                     new(true),
		`{"api_enabled":0}`:                     new(false),
		`{"api_enabled":2}`:                     nil,
		`{"api_enabled":"maybe"}`:               nil,
		`{"api_enabled":null}`:                  nil,
		`{}`:                                    nil,
		`"{\"api_enabled\":true}"`:              new(true),
		`"{\"api_enabled\":\"{\\\"x\\\":1}\"}"`: nil,
		`"api"`:                                 nil,
		`""`:                                    nil,
		`null`:                                  nil,
		`[]`:                                    nil,
		`["api_enabled"]`:                       nil,
		`7`:                                     nil,
	}
	for text, want := range tests {
		got := decodeInvitation(decodeFields(t, `{"permissions":`+text+`}`)).APIEnabled
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

// TestDates checks that each form of a date in web APIs is decoded, and that a date in an unknown
// form does not count as absent.
func TestDates(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 6, 1, 10, 0, 0, 0, time.UTC)
	const read, absent, unreadable = "read", "absent", "unreadable"
	tests := map[string]string{
		`"2026-06-01T10:00:00+00:00"`:           read,
		`"2026-06-01T10:00:00Z"`:                read,
		`"2026-06-01t10:00:00z"`:                read,
		`"2026-06-01T12:30:00+02:30"`:           read,
		`"2026-06-01T05:00:00-05:00"`:           read,
		`"2026-06-01T10:00:00-00:00"`:           read,
		`"2026-06-01T10:00:00.000Z"`:            read,
		`"2026-06-01T10:00:00,000Z"`:            read,
		`"2026-06-01T10:00:00.000000+0000"`:     read,
		`"2026-06-01T10:00:00.000000000+00:00"`: read,
		`"2026-06-01T10:00:00+0000"`:            read,
		`"2026-06-01T12:30:00+0230"`:            read,
		`"2026-06-01T10:00:00+00"`:              read,
		`"2026-06-01T08:00:00-02"`:              read,
		`"2026-06-01T10:00:00 +00:00"`:          read,
		`"2026-06-01T10:00:00"`:                 read,
		`"2026-06-01T10:00:00.000"`:             read,
		`"2026-06-01T10:00"`:                    read,
		`"2026-06-01T10:00Z"`:                   read,
		`"2026-06-01 10:00"`:                    read,
		`"2026-06-01 10:00:00"`:                 read,
		`"2026-06-01 10:00:00.000"`:             read,
		`"2026-06-01 10:00:00Z"`:                read,
		`"2026-06-01 10:00:00 UTC"`:             read,
		`"2026-06-01 10:00:00 utc"`:             read,
		`"2026-06-01T10:00:00UTC"`:              read,
		`"2026-06-01 10:00:00 GMT"`:             read,
		`"2026-06-01 12:00:00+02"`:              read,
		`"2026-06-01 12:00:00 +0200"`:           read,
		`" 2026-06-01T10:00:00Z "`:              read,
		`"2026-06-01T10:00:00\u002b00:00"`:      read,
		`1780308000`:                            read,
		`"1780308000"`:                          read,
		`1780308000000`:                         read,
		`"1780308000000"`:                       read,
		`1780308000.0`:                          read,
		`1.780308e9`:                            read,
		`"Mon, 01 Jun 2026 10:00:00 GMT"`:       read,
		`"Mon, 1 Jun 2026 10:00:00 UTC"`:        read,
		`"Mon, 01 Jun 2026 12:00:00 +0200"`:     read,
		`"Mon, 01 Jun 2026 10:00:00 +0000"`:     read,
		`"Mon, 01 Jun 2026 10:00:00 -0000"`:     read,
		`"Mon, 01 Jun 2026 10:15:00 +0015"`:     read,
		`"Monday, 01-Jun-26 10:00:00 GMT"`:      read,
		`"Mon Jun  1 10:00:00 2026"`:            read,
		`"Mon Jun 1 10:00:00 2026"`:             read,
		`"Mon Jun  1 10:00:00 UTC 2026"`:        read,
		`{"date":"2026-06-01 10:00:00.000000","timezone_type":3,"timezone":"UTC"}`:    read,
		`{"date":"2026-06-01 12:00:00.000000","timezone_type":1,"timezone":"+02:00"}`: read,

		`"Mon, 01 Jun 2026 05:00:00 GMT-5"`: unreadable, // Go would read it as 05:00 UTC
		`"Mon, 01 Jun 2026 12:00:00 GMT+2"`: unreadable,
		`"Mon Jun  1 10:00:00 CST 2026"`:    unreadable,

		`null`:                            absent,
		`""`:                              absent,
		`" "`:                             absent,
		`0`:                               absent,
		`0.0`:                             absent,
		`"0"`:                             absent,
		`false`:                           absent,
		`[]`:                              absent,
		`{}`:                              absent,
		`"0000-00-00 00:00:00"`:           absent,
		`"0000-00-00"`:                    absent,
		`"0000-00-00T00:00:00Z"`:          absent,
		`"0000-00-00T00:00:00+00:00"`:     absent,
		`"-0001-11-30T00:00:00+00:00"`:    absent, // what PHP makes of it
		`"-0001-11-30 00:00:00"`:          absent,
		`"0001-01-01T00:00:00Z"`:          absent, // Go's zero time
		`"1970-01-01T00:00:00Z"`:          absent,
		`"1970-01-01 00:00:00"`:           absent,
		`"Thu, 01 Jan 1970 00:00:00 GMT"`: absent,

		`"1969-12-31 19:00:00"`:            unreadable, // 0 in a local zone
		`"1970-01-01 01:00:00"`:            unreadable,
		`"1970-01-01T05:30:00+00:00"`:      unreadable,
		`"0001-01-01T05:00:00Z"`:           unreadable,
		`"1753-01-01 00:00:00"`:            unreadable, // the first dates of some programs
		`"1899-12-30T00:00:00Z"`:           unreadable,
		`"1900-01-01 00:00:00"`:            unreadable,
		`"soon"`:                           unreadable,
		`"yesterday"`:                      unreadable,
		`true`:                             unreadable,
		`7`:                                unreadable,
		`-1780308000`:                      unreadable,
		`20260601100000`:                   unreadable, // not milliseconds
		`"2026-13-01T10:00:00Z"`:           unreadable,
		`"2026-06-31T10:00:00Z"`:           unreadable,
		`"2026-06-01T25:00:00Z"`:           unreadable,
		`"2026-06-01"`:                     unreadable, // when on that day, and where, is a guess
		`"01/06/2026 10:00:00"`:            unreadable, // June or January
		`"2026-06-01 10:00:00 EST"`:        unreadable, // what a name of a zone means is a guess
		`"Mon, 01 Jun 2026 10:00:00 EST"`:  unreadable,
		`"Monday, 01-Jun-26 10:00:00 CET"`: unreadable,
		`"Mon Jun  1 10:00:00 PST 2026"`:   unreadable,
		`"2026-06-01T10:00:00Z; rm -r"`:    unreadable,
		`"2026-06-01T10:00:00+99:00"`:      unreadable,
		`["2026-06-01T10:00:00Z"]`:         unreadable,
		`{"seconds":1780308000}`:           unreadable,
		`{"date":"2026-06-01 10:00:00"}`:   unreadable, // no zone
		`"0000-12-31T23:00:00Z"`:           unreadable,
		`"0001-01-01T00:00:00+01:00"`:      unreadable, // in the year 0 in UTC
		`"9991-01-01T00:00:00Z"`:           unreadable,
		"{" + strings.Repeat(`"a":1,`, maxMembers) + `"b":1}`:                                unreadable, // too many members
		`{"date":"2026-06-01 10:00:00.000000","timezone_type":3,"timezone":"Europe/Berlin"}`: unreadable,
		`{"date":"1970-01-01 00:00:00.000000","timezone_type":3,"timezone":"UTC"}`:           absent,
		`{"date":"1969-12-31 19:00:00.000000","timezone_type":3,"timezone":"UTC"}`:           unreadable,
		`{"date":"2026-06-01T10:00:00Z","timezone_type":3,"timezone":"+02:00"}`:              unreadable,
	}
	for text, want := range tests {
		got, understood := decodeFields(t, `{"d":`+text+`}`).date("d")
		is := absent
		switch {
		case !understood:
			is = unreadable
		case !got.IsZero():
			is = read
		}
		if is != want || is == read && !got.Equal(at) || is == unreadable && !got.IsZero() {
			t.Errorf("%s: %s, %v; want %s", text, is, got, want)
		}
		for _, name := range []string{"date_created", "date_responded", "expiration_date"} {
			i := decodeInvitation(decodeFields(t, `{"`+name+`":`+text+`}`))
			if i.DateUnreadable != (want == unreadable) {
				t.Errorf("%s in %s: the invitation has an unreadable date: %v", text, name, i.DateUnreadable)
			}
		}
	}
}

// TestEscapedTexts checks that addresses and names are unescaped if the API escapes them for HTML.
func TestEscapedTexts(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`o'brien@example.com`:             "o'brien@example.com",
		`o&#039;brien@example.com`:        "o'brien@example.com",
		`o&#39;brien@example.com`:         "o'brien@example.com",
		`o&#x27;brien@example.com`:        "o'brien@example.com",
		`o&#X27;brien@example.com`:        "o'brien@example.com",
		`o&apos;brien@example.com`:        "o'brien@example.com",
		`o&amp;#039;brien@example.com`:    "o'brien@example.com",
		`o&amp;amp;#39;brien@EXAMPLE.com`: "o'brien@example.com",
		`r&amp;d@example.com`:             "r&d@example.com",
		`r&d@example.com`:                 "r&d@example.com",
		`a&lt@example.com`:                "a&lt@example.com", // no entity without its semicolon
		`a&copy&#39;b@example.com`:        "a&copy'b@example.com",
		`ada&#64;example.com`:             "ada@example.com",
		`ada&plus;x@example.com`:          "ada+x@example.com",
		`ada&nosuch;@example.com`:         "", // no plain address
		`ada&lt;x@example.com`:            "",
		`ada&#8203;@example.com`:          "",
		`o&#039brien@example.com`:         "o'brien@example.com",
		`o%27brien@example.com`:           "o'brien@example.com",
		`ada%40example.com`:               "ada@example.com",
		`o%27brien%40example.com`:         "o'brien@example.com",
		`Ada <ada@example.com>`:           "ada@example.com",
		`<ada@example.com>`:               "ada@example.com",
		`<a%40b@example.com>`:             "a%40b@example.com",
		`\"Ada, Dr.\" <ada@example.com>`:  "ada@example.com",
		`\"ada+x\"@example.com`:           "ada+x@example.com",
		`mailto:ada@example.com`:          "ada@example.com",
		`ada@example.com.`:                "ada@example.com",
		`ada@example.com\u200b`:           "ada@example.com",
		`ju\u0308rgen@example.com`:        "jürgen@example.com",
		`ada x@example.com`:               "ada+x@example.com",
		`ada@x, bob@example.com`:          "",
		`ada@example.com <eve@evil.test>`: "",
		`a***@example.com`:                "", // masked
		`a*@e*.com`:                       "",
		`a•••@example.com`:                "",
		`a…@example.com`:                  "",
		`a*b@example.com`:                 "",
	} {
		row := decodeFields(t, `{"id":"i1","email":"`+text+`","email_invited":"`+text+`","email_registered":"`+text+`"}`)
		i := decodeInvitation(row)
		for where, got := range map[string]org.Address{
			"user": decodeUser(row).Email, "invited": i.Invited, "registered": i.Registered,
			"member": accessRow{}.decodeHolder(row).email,
		} {
			if got.Key() != want {
				t.Errorf("%s %s is %q, want %q", where, text, got.Key(), want)
			}
		}
		if want == "" {
			continue
		}
		if _, err := decodeSent(row, org.MustParseAddress(want), time.Now()); err != nil {
			t.Errorf("the answer about %s is not understood for %s: %v", text, want, err)
		}
	}

	for _, text := range []string{`R&amp;D &quot;core&quot;`, `R&amp;amp;D &#34;core&#34;`, `R&D \"core\"`} {
		row := decodeFields(t, `{"id":"x","name":"`+text+`","display_name":"`+text+`","org_name":"`+text+`"}`)
		const want = `R&D "core"`
		for where, got := range map[string]string{
			"user": decodeUser(row).Name, "group": decodeGroup(row).Name, "role": decodeRole(row).Name,
			"policy":       decodePolicy(row).Name,
			"organization": organizations.decode(row).Name, "organization of an invitation": decodeInvitation(row).OrgName,
		} {
			if got != want {
				t.Errorf("the name of the %s is %q, want %q", where, got, want)
			}
		}
		// A roster may have the name in the form that an earlier version of import wrote.
		for _, name := range []string{want, `R&amp;D &quot;core&quot;`, "x"} {
			if !decodeGroup(row).Is(name) {
				t.Errorf("the group %s is not meant by %q", text, name)
			}
		}
		if !organizations.decode(row).Is(`r&amp;d &quot;CORE&quot;`) || decodeGroup(row).Is("R&D") {
			t.Errorf("%s: the wrong names are meant", text)
		}
	}
}

func TestDecodeUser(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, json string
		want       org.User
	}{
		{
			"as SPEC shows it",
			`{"id":"u1","name":"Ada Lovelace","first_name":"A","last_name":"L","email":"ada@example.com","api_enabled":true,` +
				`"service_user":false,"status":true,"acls":[],"last_activity":null}`,
			org.User{ID: "u1", Email: org.MustParseAddress("ada@example.com"), Name: "Ada Lovelace", APIEnabled: new(true)},
		},
		{
			"suspended, with a name in two parts",
			`{"id":"u1","first_name":"Ada","last_name":"Lovelace","email":"ada@example.com","api_enabled":"no","status":false}`,
			org.User{ID: "u1", Email: org.MustParseAddress("ada@example.com"), Name: "Ada Lovelace", APIEnabled: new(false),
				Suspended: true},
		},
		{"suspended by a word", `{"id":"u1","status":"Suspended"}`, org.User{ID: "u1", Suspended: true}},
		{"status of another kind", `{"id":"u1","status":"active"}`, org.User{ID: "u1"}},
		{"service user without an address", `{"id":"s1","name":"bot","email":"","service_user":true}`,
			org.User{ID: "s1", Name: "bot", Service: true}},
		{
			"invited, and not in yet", `{"id":"u1","email":"ada@example.com","invite_accepted":false}`,
			org.User{ID: "u1", Email: org.MustParseAddress("ada@example.com"), Accepted: new(false)},
		},
		{"invited, and perhaps not active yet for this reason", `{"id":"u1","status":false,"invite_accepted":false}`,
			org.User{ID: "u1", Accepted: new(false), Suspended: true, StatusText: "false"}},
		{"invited, and suspended by a word", `{"id":"u1","status":"suspended","invite_accepted":false}`,
			org.User{ID: "u1", Accepted: new(false), Suspended: true}},
		{"invited, and suspended by a flag", `{"id":"u1","status":false,"invite_accepted":false,"suspended":true}`,
			org.User{ID: "u1", Accepted: new(false), Suspended: true}},
		{"accepted, and suspended", `{"id":"u1","status":false,"invite_accepted":true}`,
			org.User{ID: "u1", Accepted: new(true), Suspended: true}},
		{"accepted, as a word", `{"id":"u1","invite_accepted":"yes"}`, org.User{ID: "u1", Accepted: new(true)}},
		{"not accepted, as a number", `{"id":"u1","invite_accepted":0}`, org.User{ID: "u1", Accepted: new(false)}},
		{"acceptance unknown", `{"id":"u1","invite_accepted":null}`, org.User{ID: "u1"}},
		{"acceptance of another kind", `{"id":"u1","invite_accepted":"2026-06-01"}`, org.User{ID: "u1"}},
		{"nothing", `{}`, org.User{}},
		{"invited by the status", `{"id":"u1","status":"Invited"}`, org.User{ID: "u1", Accepted: new(false)}},
		{"another word for the status", `{"id":"u1","status":"Locked"}`,
			org.User{ID: "u1", Suspended: true, StatusText: "Locked"}},
		{"active by a word", `{"id":"u1","status":"Active"}`, org.User{ID: "u1"}},
		{"suspended by a flag", `{"id":"u1","suspended":true}`, org.User{ID: "u1", Suspended: true}},
		{"suspended by a date", `{"id":"u1","date_suspended":"2026-06-01T10:00:00Z"}`, org.User{ID: "u1", Suspended: true}},
		{"suspended by an object", `{"id":"u1","status":{"name":"suspended"}}`,
			org.User{ID: "u1", Suspended: true, StatusText: `{"name":"suspended"}`}},
		{"suspended by a list", `{"id":"u1","status":["suspended"]}`,
			org.User{ID: "u1", Suspended: true, StatusText: `["suspended"]`}},
		{"a status as PHP writes nothing", `{"id":"u1","status":[]}`, org.User{ID: "u1"}},
		{"suspended by a date in place of a flag", `{"id":"u1","suspended":"2026-06-01T10:00:00Z"}`,
			org.User{ID: "u1", Suspended: true}},
		{"suspended by a reason in place of a flag", `{"id":"u1","suspended":{"reason":"abuse"}}`,
			org.User{ID: "u1", Suspended: true}},
		{"not suspended by null", `{"id":"u1","suspended":null}`, org.User{ID: "u1"}},
		{"suspended by a date in an unknown form", `{"id":"u1","date_suspended":"soon"}`,
			org.User{ID: "u1", Suspended: true}},
		{"not suspended by an empty date", `{"id":"u1","date_suspended":"","suspended":false}`, org.User{ID: "u1"}},
		{"an administrator by the name of the mapping", `{"id":"u1","acls":["user.acl.ManageUsers"]}`,
			org.User{ID: "u1", Admin: true}},
		{"an administrator by a text", `{"id":"u1","acls":"subscriptions,manage_users"}`, org.User{ID: "u1", Admin: true}},
		{"no administrator", `{"id":"u1","acls":["manage_billing","users"]}`, org.User{ID: "u1"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.want.Unidentified = test.want.Email.IsZero() && !test.want.Service
			test.want.ServiceUnknown = !test.want.Service && !strings.Contains(test.json, "service_user")
			test.want.AddressMissing = test.want.Unidentified
			if diff := cmp.Diff(test.want, decodeUser(decodeFields(t, test.json)), cmp.Comparer(sameAddress)); diff != "" {
				t.Errorf("user (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzDecodeSent checks that an answer to an invitation is accepted only if it has a usable id and
// the right address, and if the invitation is open.
func FuzzDecodeSent(f *testing.F) {
	for _, seed := range []string{
		sentToAda, `{"invitation":` + sentToAda + `}`, `{"id":7,"email_invited":" ADA@EXAMPLE.COM "}`, `{"invitation":{}}`,
		`{"invitation":[]}`,
		`{"id":"..","email_invited":"ada@example.com"}`, `{"id":"i1","email_invited":"eve@example.com"}`,
		`{"id":"i1","email_invited":"ada@example.com","invite_status":"Accepted"}`,
		`{"id":"i1","email_invited":"ada@example.com","status":"pending","expiration_date":"2026-05-04T10:00:00Z"}`,
		`{"permissions":"{\"api_enabled\":1}","status":[[]]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var top fields
		if json.Unmarshal(body, &top) != nil {
			return
		}
		now := time.Date(2026, 6, 1, 10, 0, 0, 0, time.UTC)
		got, err := decodeSent(top, ada, now)
		if got.ID != "" && (strings.ContainsAny(got.ID, "/\\?#%& \n") || got.ID == "." || got.ID == "..") {
			t.Errorf("the id %q is let through", got.ID)
		}
		if err == nil && (got.ID == "" || !got.Invited.Equal(ada)) {
			t.Errorf("understood as %q for %q: %s", got.ID, got.Invited, body)
		}
		if over := !got.Expires.IsZero() && got.Expires.Before(now); err == nil && (over || got.Status != org.StatusPending &&
			got.Status != org.StatusUnknown) {
			t.Errorf("understood, though it is %s and ends at %v: %s", got.Status, got.Expires, body)
		}
	})
}

// FuzzText checks that the text of a value is the one that encoding/json returns.
func FuzzText(f *testing.F) {
	for _, value := range []string{`"ada"`, `" ada "`, `"a\u0064a"`, "\"a\xffa\"", `"\ud800"`, `12345678901234567890`,
		`1e9`, `-0`, `true`, `null`, `{}`, `["a"]`} {
		f.Add([]byte(value))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		var o fields
		if json.Unmarshal(slices.Concat([]byte(`{"x":`), value, []byte(`}`)), &o) != nil || len(o) != 1 {
			return
		}
		var want string
		var v any
		decoder := json.NewDecoder(bytes.NewReader(o["x"]))
		decoder.UseNumber()
		if err := decoder.Decode(&v); err != nil {
			t.Fatal(err)
		}
		switch v := v.(type) {
		case string:
			want = strings.TrimSpace(v)
		case json.Number:
			want = v.String()
		case bool:
			want = strconv.FormatBool(v)
		}
		if got := o.text("x"); got != want {
			t.Errorf("the text of %s is %q, want %q", value, got, want)
		}
	})
}

// TestWithSuspended checks how users of the list of suspended users are found in the list of all users.
func TestWithSuspended(t *testing.T) {
	t.Parallel()
	ada, bob := org.MustParseAddress("ada@example.com"), org.MustParseAddress("bob@example.com")
	for name, suspended := range map[string]org.User{
		"by the id":                {ID: "u1"},
		"by the id in other case":  {ID: "U1", Email: bob},
		"by the address, no id":    {Email: ada},
		"by the id, other address": {ID: "u1", Email: bob},
	} {
		all := withSuspended([]org.User{{ID: "u1", Email: ada}, {ID: "u2", Email: bob}}, []org.User{suspended})
		if len(all) != 2 || !all[0].Suspended || all[1].Suspended {
			t.Errorf("%s: %+v", name, all)
		}
	}
	odd := org.User{ID: "u1", StatusText: "Locked", Suspended: true}
	for _, listed := range [][]org.User{nil, {odd}} {
		all := withSuspended(listed, []org.User{odd})
		if all[0].StatusText != "" || !all[0].Suspended {
			t.Errorf("the list of suspended users says that the user is suspended: %+v", all)
		}
	}
	unknown := org.User{ID: "u3", ServiceUnknown: true}
	for says, want := range map[bool]bool{true: false, false: true} {
		all := withSuspended([]org.User{{ID: "u1", ServiceUnknown: says}}, []org.User{unknown})
		if all[0].ServiceUnknown || all[1].ServiceUnknown != want {
			t.Errorf("the other list leaves it open: %t: %+v", says, all)
		}
	}
	for name, test := range map[string]struct {
		other org.User
		want  bool
	}{
		"the API marks people, so it would have marked this user":      {org.User{ID: "u1"}, true},
		"the API marks service users, so it may leave people unmarked": {org.User{ID: "u1", Service: true}, false},
		"the API marks nobody": {org.User{ID: "u1", ServiceUnknown: true}, false},
	} {
		if all := withSuspended([]org.User{test.other, unknown}, nil); all[1].ServiceUnknown != test.want {
			t.Errorf("%s: %+v", name, all)
		}
	}
	person := org.User{ID: "u3", Unidentified: true, AddressMissing: true}
	for _, all := range [][]org.User{
		withSuspended([]org.User{{ID: "u1"}, person}, nil), withSuspended([]org.User{{ID: "u1"}}, []org.User{person}),
	} {
		if !all[1].Unidentified {
			t.Errorf("the row is about a person and has no address, so the user must be unidentified: %+v", all)
		}
	}
	nobody := org.User{ID: "u3", ServiceUnknown: true, Unidentified: true}
	for _, missing := range []bool{true, false} {
		nobody.AddressMissing = missing
		all := withSuspended([]org.User{{ID: "u1"}, nobody}, []org.User{{ID: "u4", ServiceUnknown: true, Unidentified: true,
			AddressMissing: missing}})
		if all[1].Unidentified == missing || all[2].Unidentified == missing {
			t.Errorf("service users have no address, missing %t: %+v", missing, all)
		}
		for _, others := range [][]org.User{nil, {{ID: "u1", Service: true}}} {
			if all := withSuspended(append(others, nobody), []org.User{nobody}); !all[len(others)].Unidentified {
				t.Errorf("no list says who is a person: %+v", all)
			}
			if all := withSuspended(others, []org.User{nobody}); !all[len(others)].Unidentified {
				t.Errorf("no list says who is a person, and the user is only in the other list: %+v", all)
			}
		}
	}
}

// TestUnidentified checks which texts do not say which person a row is about.
func TestUnidentified(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`"ada@example.com"`: false, `"Ada <ada@example.com>"`: false,
		// These addresses belong to people who cannot be in a roster.
		`"a..b@example.com"`: false, `"root@localhost"`: false,
		`""`: true, `null`: true, `7`: true, `"Ada"`: true, `"ada[at]example.com"`: true, `"{ada@example.com}"`: true,
		`"ada@example.com, bob@example.com"`: true,
		`"zo\ufffd@example.com"`:             true, "\"zo\xeb@example.com\"": true, // a letter was lost
	} {
		row := decodeFields(t, `{"id":"x1","email":`+text+`,"email_invited":`+text+`}`)
		if user, invitation := decodeUser(row), decodeInvitation(row); user.Unidentified != want ||
			invitation.Unidentified != want {
			t.Errorf("%s is unidentified: user %t, invitation %t; want %t", text, user.Unidentified, invitation.Unidentified,
				want)
		}
	}
	if u := decodeUser(decodeFields(t, `{"id":"s1","service_user":true}`)); u.Unidentified {
		t.Error("a service user needs no address")
	}
}

// TestBackslashes checks that an address with backslashes is the same as the address without them.
func TestBackslashes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`o\'brien@example.com`: "o'brien@example.com", `o\\\'brien@example.com`: "o'brien@example.com",
		`a\b@example.com`:          "ab@example.com",
		`"ada\@x"@example.com`:     "",
		`o\u0027brien@example.com`: "o'brien@example.com", `o\\u0027brien@example.com`: "o'brien@example.com",
		`o\x27brien@example.com`: "o'brien@example.com", `ada\u0040example.com`: "ada@example.com",
	} {
		if got := decodeFields(t, `{"email":`+strconv.Quote(text)+`}`).address("email").String(); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

package vultr

import (
	"bytes"
	"encoding/json"
	"fmt"
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
			`{"id":"5f0c","inviter_name":"Ops","inviter_email":"ops@example.com","email_invited":"Dev@example.com","email_registered":"",
			  "permissions":{"api_enabled":true},"org_id":"9a1e","org_name":"Example Org","status":"pending","status_full":"x",
			  "invite_status":"Pending","date_created":"2026-06-01T10:00:00+00:00","date_responded":null,"expiration_date":"2026-06-04T10:00:00Z"}`,
			org.Invitation{
				ID: "5f0c", Invited: org.MustParseAddress("Dev@example.com"), OrgID: "9a1e", OrgName: "Example Org",
				Status: org.StatusPending, StatusText: "Pending", APIEnabled: new(true), Created: ten, Expires: ten.AddDate(0, 0, 3),
			},
		},
		{
			"accepted, with dates and truth of other forms, and numbers for ids",
			`{"id":42,"email_invited":"dev@example.com","email_registered":"me@home.example","permissions":"{\"api_enabled\":\"no\"}","org_id":7,
			  "status":"ACCEPTED","date_created":"2026-06-01 10:00:00","date_responded":"2026-06-01T12:00:00.5+02:00","expiration_date":""}`,
			org.Invitation{
				ID: "42", OrgID: "7", Invited: org.MustParseAddress("dev@example.com"), Registered: org.MustParseAddress("me@home.example"),
				Status: org.StatusAccepted, StatusText: "ACCEPTED", APIEnabled: new(false), Created: ten, Responded: ten.Add(500 * time.Millisecond),
			},
		},
		{
			"everything odd",
			`{"id":{},"email_invited":["x"],"email_registered":7,"permissions":[],"org_id":null,"org_name":[],"status":{},"invite_status":[],
			  "date_created":"yesterday","date_responded":7,"expiration_date":"0000-00-00 00:00:00"}`,
			org.Invitation{Status: org.StatusUnknown, Responded: time.Unix(7, 0).UTC(), DateUnreadable: true},
		},
		{"nothing", `{}`, org.Invitation{Status: org.StatusUnknown}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
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
	tests := []struct {
		json string
		want org.InvitationStatus
		text string
	}{
		{`{"invite_status":"Pending"}`, org.StatusPending, "Pending"},
		{`{"invite_status":" PENDING "}`, org.StatusPending, "PENDING"},
		{`{"invite_status":"Invite Pending"}`, org.StatusPending, "Invite Pending"},
		{`{"invite_status":"Accepted"}`, org.StatusAccepted, "Accepted"},
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

// TestDates: dates are read in every form that web APIs use, and one that cannot be read is told from one that is not there.
func TestDates(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 6, 4, 10, 0, 0, 0, time.UTC)
	var absent time.Time
	tests := map[string]time.Time{
		`"2026-06-04T10:00:00+00:00"`: at, `"2026-06-04T10:00:00Z"`: at, `"2026-06-04T12:30:00+02:30"`: at, `"2026-06-04 10:00:00"`: at,
		`"2026-06-04T10:00:00.000Z"`: at, `"2026-06-04 10:00:00.000"`: at, `" 2026-06-04T10:00:00Z "`: at,
		`"2026-06-04T10:00:00+0000"`: at, `"2026-06-04T12:30:00+0230"`: at, `"2026-06-04T11:00:00+01"`: at, `"2026-06-04T10:00:00"`: at,
		`"2026-06-04t10:00:00z"`: at, `"2026-06-04 10:00:00Z"`: at, `"2026-06-04 10:00:00+00:00"`: at, `"2026-06-04 05:00:00 -0500"`: at,
		`"2026-06-04 10:00:00 +00:00"`: at, `"2026-06-04 10:00:00 UTC"`: at, `"2026-06-04 10:00:00.123456 UTC"`: at.Add(123456 * time.Microsecond),
		`"2026-06-04 10:00:00 GMT"`: at, `"2026-06-04T10:00"`: at, `"2026-06-04 10:00"`: at, `"2026-06-04T10:00Z"`: at,
		`"2026-06-04"`: at.Add(-10 * time.Hour), `"2026/06/04 10:00:00"`: at,
		`1780567200`: at, `"1780567200"`: at, `1780567200000`: at, `"1780567200000"`: at, `1780567200.5`: at.Add(time.Second / 2), `1.7805672e9`: at,
		`"Thu, 04 Jun 2026 10:00:00 GMT"`: at, `"Thu, 4 Jun 2026 10:00:00 UTC"`: at, `"Thu, 04 Jun 2026 12:00:00 +0200"`: at,
		`"Thursday, 04-Jun-26 10:00:00 GMT"`: at, `"Thu Jun  4 10:00:00 2026"`: at, `"Thu Jun 4 10:00:00 UTC 2026"`: at,
		`{"date":"2026-06-04 10:00:00.000000","timezone_type":3,"timezone":"UTC"}`: at,
		`null`: absent, `""`: absent, `"  "`: absent, `0`: absent, `"0"`: absent, `false`: absent, `[]`: absent, `{}`: absent,
		`"0000-00-00 00:00:00"`: absent, `"0000-00-00T00:00:00Z"`: absent, `"0001-01-01T00:00:00Z"`: absent,
	}
	for text, want := range tests {
		if got, ok := decodeFields(t, `{"d":`+text+`}`).date("d"); !got.Equal(want) || !ok {
			t.Errorf("%s: %v (%v), want %v", text, got, ok, want)
		}
	}
	if got, ok := decodeFields(t, `{}`).date("d"); !got.IsZero() || !ok {
		t.Errorf("no date at all: %v (%v)", got, ok)
	}
	for _, text := range []string{
		`"soon"`, `"never"`, `"2026-13-01T10:00:00Z"`, `"2026-06-01T10:00:00Z; rm -r"`, `"2026-06-04 10:00:00 PST"`, `"04/06/2026"`, `-5`, `1e300`, `true`,
		`["2026-06-04"]`, `{"seconds":5}`, `"12026-06-04T10:00:00Z"`, `"Thu, 04 Jun 2026 10:00:00 PDT"`,
	} {
		if got, ok := decodeFields(t, `{"d":`+text+`}`).date("d"); !got.IsZero() || ok {
			t.Errorf("%s: %v (%v), want a date that cannot be read", text, got, ok)
		}
	}
}

func TestDateUnreadable(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`{"date_created":"2026-06-04T10:00:00+0000","expiration_date":null}`: false,
		`{"date_created":"last Tuesday"}`:                                    true,
		`{"expiration_date":"in three days"}`:                                true,
		`{"date_responded":"04.06.2026"}`:                                    true,
		`{}`:                                                                 false,
	} {
		if got := decodeInvitation(decodeFields(t, text)).DateUnreadable; got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
}

// TestErrorText: every shape that an error can take in an answer with a status of success, and what looks like one and is none.
func TestErrorText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"error":"no seats"}`:                           "no seats",
		`{"error":{"code":7,"message":"no"},"users":[]}`: `{"code":7,"message":"no"}`,
		`{"error":["no"],"users":[]}`:                    `["no"]`,
		`{"error":true}`:                                 "true",
		`{"error":1}`:                                    "1",
		`{"errors":[{"detail":"no"}],"data":null}`:       `[{"detail":"no"}]`,
		`{"errors":{"email":"taken"}}`:                   `{"email":"taken"}`,
		`{"errors":"no"}`:                                "no",
		`{"error_message":"no"}`:                         "no",
		`{"success":false}`:                              "success is false",
		`{"success":"false","message":"no seats"}`:       "no seats",
		`{"success":0}`:                                  "success is false",
		`{"status":false,"users":[]}`:                    "status is false",
		`{"status":false,"message":"no seats"}`:          "no seats",
		`{"id":"u1","status":false}`:                     "",
		`{"user":{"id":"u1","status":false}}`:            "",
		`{"ok":false}`:                                   "ok is false",
		`{"status":"error","message":"no seats"}`:        "no seats",
		`{"status":"FAILED"}`:                            "status is failed",
		`{"result":"failure"}`:                           "result is failure",
		`{"type":"error"}`:                               "type is error",
		`{"status":500}`:                                 "status is 500",
		`{"status":"422","message":"no"}`:                "no",
		`{"code":403,"message":"no"}`:                    "no",
		`{"status_code":404}`:                            "status_code is 404",
		`{"error":"","errors":{},"success":true}`:        "",
		`{"error":null,"errors":[]}`:                     "",
		`{"error":false}`:                                "",
		`{"error":0}`:                                    "",
		`{"error":{}}`:                                   "",
		`{"status":"pending","id":"i1"}`:                 "",
		`{"status":true,"id":"u1"}`:                      "",
		`{"status":false,"id":"u1"}`:                     "",
		`{"status":"success","code":200}`:                "",
		`{"status":200,"users":[]}`:                      "",
		`{"users":[],"meta":{"total":0}}`:                "",
		`{"message":"2 users"}`:                          "",
		`{"id":"p1","type":"managed","error_count":0}`:   "",
	} {
		if got := decodeFields(t, text).errorText(); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
}

// TestEscapedAddresses: an API that was made for pages may escape what people write.
func TestEscapedAddresses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`o&#039;brien@example.com`:      "o'brien@example.com",
		`o\'brien@example.com`:          "o'brien@example.com",
		`o&#39;brien@example.com`:       "o'brien@example.com",
		`o&#x27;brien@example.com`:      "o'brien@example.com",
		`o&apos;brien@example.com`:      "o'brien@example.com",
		`o&amp;#039;brien@example.com`:  "o'brien@example.com",
		`r&amp;d@example.com`:           "r&d@example.com",
		`r&amp;amp;d@example.com`:       "r&d@example.com",
		`r&d@example.com`:               "r&d@example.com",
		`r&amp@example.com`:             "r&amp@example.com", // no plain address needs a semicolon, so it is as it is
		`a&copy@example.com`:            "a&copy@example.com",
		`zo&euml;@example.com`:          "zoë@example.com",
		`&lt;ada@example.com&gt;`:       "",
		`ada&#64;example.com`:           "ada@example.com",
		`ada&nosuchentity;@example.com`: "",
	} {
		f := decodeFields(t, `{"email":`+quote(text)+`}`)
		if got := f.address("email").String(); got != want {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
		if want == "" {
			continue
		}
		sent := decodeFields(t, `{"id":"i1","email_invited":`+quote(text)+`}`)
		if _, err := decodeSent(sent, org.MustParseAddress(want), time.Now()); err != nil {
			t.Errorf("%s: an answer about them: %v", text, err)
		}
	}
}

// TestSentAnswers: an answer to an invitation is understood only if it describes one that can be accepted.
func TestSentAnswers(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 6, 4, 10, 0, 0, 0, time.UTC)
	for text, want := range map[string]string{
		`{}`:                                 "",
		`{"invite_status":"Pending"}`:        "",
		`{"invite_status":"invite pending"}`: "",
		`{"status":"pending","expiration_date":"2026-06-07T10:00:00Z"}`:                  "",
		`{"expiration_date":"0000-00-00 00:00:00"}`:                                      "",
		`{"invite_status":"Accepted"}`:                                                   `the answer says that the invitation is "Accepted"`,
		`{"invite_status":"Expired"}`:                                                    `the answer says that the invitation is "Expired"`,
		`{"invite_status":"declined"}`:                                                   `the answer says that the invitation is "declined"`,
		`{"status":"cancelled"}`:                                                         `the answer says that the invitation is "cancelled"`,
		`{"invite_status":"bounced"}`:                                                    `the answer says that the invitation is "bounced"`,
		`{"email_registered":"ada@example.com","date_responded":"2026-06-04T09:00:00Z"}`: `the answer says that the invitation is "accepted"`,
		`{"invite_status":"Pending","expiration_date":"2026-06-04T09:59:59Z"}`:           "the answer says that the invitation expired at 2026-06-04T09:59:59Z",
		`{"expiration_date":"1970-01-01 00:00:01"}`:                                      "the answer says that the invitation expired at 1970-01-01T00:00:01Z",
	} {
		f := decodeFields(t, text)
		f["id"], f["email_invited"] = json.RawMessage(`"i1"`), json.RawMessage(`"ada@example.com"`)
		for _, top := range []fields{f, {"invitation": json.RawMessage(mustJSON(t, f))}} {
			_, err := decodeSent(top, ada, now)
			if got := fmt.Sprint(err); got != want && (err != nil || want != "") {
				t.Errorf("%s: %v, want %q", text, err, want)
			}
		}
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestDecodeUser(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, json string
		want       org.User
	}{
		{
			"as SPEC shows it",
			`{"id":"u1","name":"Ada Lovelace","first_name":"A","last_name":"L","email":"ada@example.com","api_enabled":true,"service_user":false,"status":true,"acls":[],"last_activity":null}`,
			org.User{ID: "u1", Email: org.MustParseAddress("ada@example.com"), Name: "Ada Lovelace", APIEnabled: new(true)},
		},
		{
			"suspended, with a name in two parts",
			`{"id":"u1","first_name":"Ada","last_name":"Lovelace","email":"ada@example.com","api_enabled":"no","status":false}`,
			org.User{ID: "u1", Email: org.MustParseAddress("ada@example.com"), Name: "Ada Lovelace", APIEnabled: new(false), Suspended: true},
		},
		{"suspended by a word", `{"id":"u1","status":"Suspended"}`, org.User{ID: "u1", Suspended: true}},
		{"status of another kind", `{"id":"u1","status":"active"}`, org.User{ID: "u1"}},
		{"service user without an address", `{"id":"s1","name":"bot","email":"","service_user":true}`, org.User{ID: "s1", Name: "bot", Service: true}},
		{"not accepted yet", `{"id":"u1","invite_accepted":false}`, org.User{ID: "u1", Accepted: new(false)}},
		{"accepted", `{"id":"u1","invite_accepted":"yes"}`, org.User{ID: "u1", Accepted: new(true)}},
		{"not accepted, as a number", `{"id":"u1","invite_accepted":0}`, org.User{ID: "u1", Accepted: new(false)}},
		{"nothing", `{}`, org.User{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(test.want, decodeUser(decodeFields(t, test.json)), cmp.Comparer(sameAddress)); diff != "" {
				t.Errorf("user (-want +got):\n%s", diff)
			}
		})
	}
}

// FuzzDecodeSent: an answer to an invitation is understood only with a usable id and the right address.
func FuzzDecodeSent(f *testing.F) {
	for _, seed := range []string{
		sentToAda, `{"invitation":` + sentToAda + `}`, `{"id":7,"email_invited":" ADA@EXAMPLE.COM "}`, `{"invitation":{}}`, `{"invitation":[]}`,
		`{"id":"..","email_invited":"ada@example.com"}`, `{"id":"i1","email_invited":"eve@example.com"}`, `{"permissions":"{\"api_enabled\":1}","status":[[]]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var top fields
		if json.Unmarshal(body, &top) != nil {
			return
		}
		got, err := decodeSent(top, ada, time.Unix(0, 0))
		if got.ID != "" && (strings.ContainsAny(got.ID, "/\\?#%& \n") || got.ID == "." || got.ID == "..") {
			t.Errorf("the id %q is let through", got.ID)
		}
		if err == nil && (got.ID == "" || !got.Invited.Equal(ada)) {
			t.Errorf("understood as %q for %q: %s", got.ID, got.Invited, body)
		}
	})
}

// FuzzText: whatever a value is, its text is what encoding/json makes of it.
func FuzzText(f *testing.F) {
	for _, value := range []string{`"ada"`, `" ada "`, `"a\u0064a"`, "\"a\xffa\"", `"\ud800"`, `12345678901234567890`, `1e9`, `-0`, `true`, `null`, `{}`, `["a"]`} {
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
